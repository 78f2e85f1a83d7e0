"""Value, acquisition cost, ratio and payback by channel, region and cohort; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast, get_args

import attrs
import numpy as np

from crmvalue._core.calendar import months_between, warn_of_early_rows
from crmvalue._core.checks import (
    as_column,
    as_day,
    as_fraction,
    as_log_amounts,
    as_positive,
    as_text,
    as_time_column,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.clock.old_customers import days_bought, warn_of_old_customers
from crmvalue._core.comparisons import just_below, lengths_of_skewed
from crmvalue._core.encoding.copies import treat_copies
from crmvalue._core.encoding.customers import encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given, counted, listed, money, on_its_side
from crmvalue._core.per_customer import Rows, as_per_customer, as_segments
from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, cut, nothing, of_all, shown, shown_beside
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_column,
    hand_over,
    number_column,
    require_at_most,
    require_columns,
    require_ends,
    stay_frozen,
    words_field,
)
from crmvalue._ltv.checks import ADVICE_ON_OLD, in_cents, require_cells_that_fit, warn_of_older_refunds
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from crmvalue._core.encoding.copies import Duplicates
    from crmvalue._core.per_customer import Segments
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["GroupEconomics", "cash_flows_by_age", "group_economics"]

AgePeriod: TypeAlias = Literal["week", "month", "quarter", "year"]

_ROUNDING = 1e-12  # of the largest amount: less is what binary arithmetic leaves of nothing
_PERIOD = re.compile(r"\d{4}-\d\d(-\d\d)?", re.ASCII)  # of a cohort
_ALL, _ALL_NAME = "all", "all customers"
_MOST_ROWS = 15  # of the picture
_WIDE = 3.0  # times the largest ratio or target, where ends of intervals in the picture are cut
_ROWS = 4096  # customers whose cash flows are added up at a time
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_FIGURES = (
    "value", "total_acquisition_cost", "ltv", "ltv_low", "ltv_high", "acquisition_cost", "ratio", "ratio_low",
    "ratio_high", "payback", "payback_low", "payback_high",
)  # fmt: skip


@stay_frozen
@attrs.frozen(kw_only=True)
class GroupEconomics(Columns, Pictured):
    """Value, acquisition cost, ratio and payback of each group; the first row is that of all customers.

    The groups of each dimension add up to the first row, to the cent.

    Parameters
    ----------
    by : tuple of str
        Dimension of each row, such as "channel"; "all" in the first row.
    group : tuple of str
        Group of each row, such as "ads"; "all" in the first row.
    n_customers : ndarray
        Customers of each row.
    value, total_acquisition_cost : ndarray
        Sums of value, before acquisition cost, and of acquisition cost [money, whole cents].
    ltv, ltv_low, ltv_high : ndarray
        Mean value of a customer and its interval [money]; NaN ends for a single customer and for customers who are all
        alike: nothing shows how they vary. An end is infinite where so few customers of skewed values set no bound.
    acquisition_cost : ndarray
        Mean cost of winning a customer [money].
    ratio, ratio_low, ratio_high : ndarray
        LTV:CAC and its interval; NaN where the cost is 0, and NaN ends as for the value.
    payback, payback_low, payback_high : ndarray
        Periods until the mean margin of a customer covers the mean cost, and its interval; NaN where the observed
        periods do not cover it, or there are no cash flows.
    level : float
        Level of the intervals.
    target_ratio : float
        Ratio that each row is compared with.

    Examples
    --------
    >>> found = group_economics({"channel": ["ads", "ads", "mail"]}, [90, 110, 60], acquisition_cost=[50, 50, 10])
    >>> found.group, found.ratio
    (('all', 'ads', 'mail'), array([2.36363636, 2.        , 6.        ]))
    """

    by: tuple[str, ...] = words_field("by")
    group: tuple[str, ...] = words_field("group")
    n_customers: Integers = count_column("n_customers")
    value: Floats = number_column("value")
    total_acquisition_cost: Floats = number_column("total_acquisition_cost", low=0.0)
    ltv: Floats = number_column("ltv")
    ltv_low: Floats = number_column("ltv_low", infinite=True, missing=True)
    ltv_high: Floats = number_column("ltv_high", infinite=True, missing=True)
    acquisition_cost: Floats = number_column("acquisition_cost", low=0.0)
    ratio: Floats = number_column("ratio", missing=True)
    ratio_low: Floats = number_column("ratio_low", infinite=True, missing=True)
    ratio_high: Floats = number_column("ratio_high", infinite=True, missing=True)
    payback: Floats = number_column("payback", low=0.0, missing=True)
    payback_low: Floats = number_column("payback_low", low=0.0, missing=True)
    payback_high: Floats = number_column("payback_high", low=0.0, missing=True)
    level: float = checked_field("level", as_fraction)
    target_ratio: float = checked_field("target_ratio", as_positive)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.by), ("group", "n_customers", *_FIGURES), "rows")
        if not self.by or self.by[0] != _ALL:
            raise InputError("by", "with a first row of all customers", self.by[:1])
        if len(set(zip(self.by, self.group, strict=True))) < len(self.by) or _ALL in self.by[1:]:
            raise InputError("group", "each group of a dimension once, after the row of all customers", self.group)
        self._require_sums()
        for name in ("ltv", "ratio"):
            require_ends(self, f"{name}_low", f"{name}_high")
            require_at_most(self, f"{name}_low", name, f"{name}_high")
        require_at_most(self, "payback_low", "payback", "payback_high")
        free = self.acquisition_cost == 0
        require(np.isnan(self.ratio) == free, "ratio", self.ratio, "NaN where, and only where, the cost is 0")
        same = np.isclose(self.ratio * self.acquisition_cost, self.ltv, rtol=1e-6, atol=0.0)
        require(free | same, "ratio", self.ratio, "`ltv` over `acquisition_cost`")

    def _require_sums(self) -> None:
        """Check that the groups of each dimension add up to all customers and to all money, to the cent."""
        require(self.n_customers >= 1, "n_customers", self.n_customers, ">= 1")
        dimension = self._dimension()
        for name, cents in (("n_customers", 0.0), ("value", 0.01), ("total_acquisition_cost", 0.01)):
            column = getattr(self, name)
            sums, size = np.bincount(dimension, column), np.bincount(dimension, np.abs(column))
            fits = np.abs(sums - column[0]) <= cents + 1e-9 * size
            require(fits, name, sums, f"of the same sum in each dimension ({as_given(column[0])})")

    @property
    def advice(self) -> tuple[str, ...]:
        """What each row says about its budget: "more", "less", or "not clear".

        "more" where the whole interval of the ratio reaches the target, "less" where the whole interval is below it.
        The level then holds for all groups of a dimension together (Bonferroni): these intervals are wider than
        `ratio_low` to `ratio_high`. The first row says nothing of a single group, and is empty.
        """
        low, high = self._ends_together()
        words = np.where(low >= self.target_ratio, "more", "not clear")
        words = np.where(high < self.target_ratio, "less", words).tolist()
        return ("", *words[1:])

    def _dimension(self) -> Integers:
        """Give the place of each row's dimension among all dimensions."""
        place = {name: i for i, name in enumerate(dict.fromkeys(self.by))}
        return np.array([place[name] for name in self.by])

    def _ends_together(self) -> tuple[Floats, Floats]:
        """Give the ends of the ratios at a level that holds for all groups of a dimension together."""
        from scipy.special import stdtrit

        dimension = self._dimension()
        k = np.bincount(dimension, ~np.isnan(self.ratio_low))[dimension]
        degrees, tail = np.maximum(self.n_customers - 1, 1), (1.0 - self.level) / 2.0
        wider = stdtrit(degrees, tail / np.maximum(k, 1)) / stdtrit(degrees, tail)
        return self.ratio - wider * (self.ratio - self.ratio_low), self.ratio + wider * (self.ratio_high - self.ratio)

    def _written(self, i: int, word: str, end: float) -> str:
        """Write a group with its ratio and the end of its interval that decides."""
        ratio = self.ratio[i]
        digits = len(money(end, ratio, form="z").rpartition(".")[2])
        written, limit = (on_its_side(x, self.target_ratio, digits) for x in (ratio, end))
        return f"{self.group[i]} ({written}, {word} {limit})"

    @property
    def moves(self) -> tuple[str, ...]:
        """Say for each dimension where to take money from, and where to put it.

        The money of the past is spent. So of a dimension whose groups are all months or days, such as "2024-05" or
        "2024-05-31", it says only which ones are clearly above or below the target.
        """
        advice = np.array(self.advice)
        rows: dict[str, dict[str, list[int]]] = {name: {"less": [], "more": []} for name in self.by[1:]}
        for word, order in (("less", self.ratio), ("more", -self.ratio)):
            clear = np.nonzero(advice == word)[0]
            for i in clear[np.argsort(order[clear], kind="stable")].tolist():
                rows[self.by[i]][word].append(i)
        found, target = [], as_given(self.target_ratio)
        open_ = {by for by, group in zip(self.by, self.group, strict=True) if not _PERIOD.fullmatch(group)}
        for name, of_name in rows.items():
            give, take = of_name["less"], of_name["more"]
            is_past = name not in open_
            if not give and not take and not is_past:
                found.append(f"{name}: no group is clearly above or below {target}. Leave the budget as it is.")
                continue
            from_ = listed(self._written(i, "at most", self.ratio_high[i]) for i in give)
            to = listed(self._written(i, "at least", self.ratio_low[i]) for i in take)
            if is_past:
                parts = [f"clearly {word} {target}: {rows}" for word, rows in (("above", to), ("below", from_)) if rows]
                found.append(f"{name}: {'; '.join(parts) or f'no group is clearly above or below {target}'}.")
            elif not give:
                found.append(f"{name}: spend more on {to}. No group is clearly below {target}.")
            elif not take:
                found.append(f"{name}: spend less on {from_}. No group is clearly above {target}.")
            else:
                found.append(f"{name}: move money from {from_} to {to}.")
        return tuple(found)

    @property
    def conclusion(self) -> str:
        """Ratio of all customers, the moves, and what they leave out."""
        ratio = "is not known" if math.isnan(self.ratio[0]) else f"is {money(self.ratio[0], form='z')}"
        caution = (
            "A ratio is the mean of those who were won so far. The next customer of a channel often costs more: "
            "split_budget counts with that."
        )
        return " ".join((f"LTV:CAC of all customers {ratio}.", *self.moves, caution))

    def _parts(self) -> Parts:
        known = np.nonzero(np.isfinite(self.ratio))[0]
        if not known.size:
            return nothing("Winning the customers costs nothing, so there is no LTV:CAC")
        largest = known[np.argsort(-self.n_customers[known], kind="stable")][:_MOST_ROWS]
        named = self._named()
        if named and named not in largest:  # of many groups, the one that the title names is drawn in any case
            largest[-1] = named
        rows = largest[np.lexsort((-self.ratio[largest], largest > 0))]  # all customers first, then the best
        is_one = len(set(self.by[1:])) == 1
        names = [
            _ALL_NAME if row == 0 else self.group[row] if is_one else f"{self.by[row]}: {self.group[row]}"
            for row in rows
        ]
        ratio, low, high = self.ratio[rows], self.ratio_low[rows], self.ratio_high[rows]
        most = _WIDE * max(1.0, self.target_ratio, float(np.abs(ratio).max()))
        is_cut = bool((low < -most).any() or (high > most).any())
        rest = of_all(len(rows) - 1, len(known) - 1, "groups")
        rest += f"; {counted(free, 'costs', 'cost')} nothing" if (free := len(self.ratio) - len(known)) else ""
        rest += f"; wide ends {'' if rest else 'are '}cut" * is_cut
        low, high = np.clip(low, -most, None), np.clip(high, None, most)
        return Parts(
            title=self._title(named, names[rows.tolist().index(named)] if named else ""),
            x=Axis(
                title=f"{'LTV:CAC' if rest else 'Lifetime value over acquisition cost'}{rest}",
                low=min(0.0, np.nanmin([*ratio, *low])),
            ),
            y=Axis(title="", form="name"),
            columns={
                "group": np.array(names),
                "ratio": ratio,
                "low": low,
                "high": high,
                "even": as_cells(len(rows), 1.0),
                "target": as_cells(len(rows), self.target_ratio),
            },
            layers=[
                Layer(mark="rule", x="even", label="brings its cost", style="second"),
                Layer(mark="rule", x="target", label=f"target: {as_given(self.target_ratio)}", style="naive"),
                Layer(mark="interval", y="group", low="low", high="high"),
                Layer(mark="points", x="ratio", y="group", label="ratio and interval"),
            ],
        )

    def _named(self) -> int:
        """Give the row of the group that clearly loses most, or else of the best one that is clear, or else 0."""
        low, high = self._ends_together()
        is_group = (np.arange(len(self.by)) > 0) & np.isfinite(self.ratio)
        losing = np.nonzero(is_group & (high < 1))[0]
        best = np.nonzero(is_group & (low >= self.target_ratio))[0]
        if losing.size:
            return int(losing[np.argmin(self.ratio[losing])])
        return int(best[np.argmax(self.ratio[best])]) if best.size else 0

    def _title(self, row: int, name: str) -> str:
        """Say whether a group is clearly worst, or better than all others of its dimension."""
        low, high = self._ends_together()
        if row and high[row] < 1:
            most = shown_beside(self.ratio_high[row], 1)
            return f"{cut(name)} loses money: {shown_beside(self.ratio[row], 1)} times its cost, at most {most}"
        by = text_array(self.by)
        if row:
            others = (by == self.by[row]) & (np.arange(len(by)) != row)
            if not others.any() or not (high[others] < low[row]).all():
                n_clear = int(np.count_nonzero(low[1:] >= self.target_ratio))
                verb, whose = ("is", "its") if n_clear == 1 else ("are", "their")
                clear = f"{n_clear} of {counted(len(by) - 1, 'group')}"
                return f"{clear} {verb} clearly above {as_given(self.target_ratio)} times {whose} cost"
            least = shown_beside(self.ratio_low[row], self.target_ratio)
            return f"{cut(name)} earns most for its cost: {shown(self.ratio[row])} times it, at least {least}"
        return f"No group is clearly above {as_given(self.target_ratio)} or below 1 times its cost"

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, a row for each group, for a dataframe of any kind."""
        columns = {"by": text_array(self.by), "group": text_array(self.group), "n_customers": self.n_customers}
        return columns | {name: getattr(self, name) for name in _FIGURES} | {"advice": np.array(self.advice)}

    def to_json(self) -> str:
        """Write the table as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> GroupEconomics:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


class _Rows(NamedTuple):
    """One dimension: its name, its groups, and the customers of each."""

    by: str
    labels: list[str]
    order: Integers
    ends: Integers

    @property
    def starts(self) -> Integers:
        return np.append(0, self.ends[:-1])


def group_economics(
    by: Mapping[str, ArrayLike],
    value: ArrayLike,
    *,
    acquisition_cost: float | Mapping[Any, float] | ArrayLike,
    segment: ArrayLike | None = None,
    cash_flows: ArrayLike | None = None,
    target_ratio: float = 3.0,
    level: float = 0.95,
) -> GroupEconomics:
    r"""Put value, acquisition cost, their ratio and the payback of each group into one table, with intervals.

    Basis: value before acquisition cost, in margin.

    Parameters
    ----------
    by : mapping of str to array_like
        Group of each customer by dimension, shape (n,) each: {"channel": ..., "region": ..., "cohort": ...}.
    value : array_like
        Value of each customer before acquisition cost [money], shape (n,): the margin so far and the CLV ahead.
    acquisition_cost : float, mapping or array_like
        Cost of winning each customer [money], >= 0: one number, a mapping from segment to number, or one for each. Less
        than 1e-12 of the largest value is what binary arithmetic leaves of nothing, and counts as 0.
    segment : array_like, optional
        Segment of each customer, for the mapping; often the channel.
    cash_flows : array_like, optional
        Margin of each customer in each period since they came [money], shape (n, periods); NaN in periods that are not
        over. :func:`cash_flows_by_age` makes it from an order log. Without it there is no payback.
    target_ratio : float, default 3
        LTV:CAC to reach, > 0, for `advice` and `moves`.
    level : float, default 0.95
        Level of the intervals, in (0, 1).

    Returns
    -------
    GroupEconomics
        The first row for all customers, then the groups of each dimension in ascending order of their labels.

    Raises
    ------
    InputError
        If a number is NaN, infinite or outside its range, a column has another length, or a label is missing.

    Notes
    -----
    Intervals are those of a sample of customers: Student's for the mean value. For the ratio of two means, the standard
    error is that of the residuals :math:`v_i - r c_i` over the mean cost. They take the value of each customer as
    given: the uncertainty of a model comes on top.

    Values are skewed, so a group mostly misses the few large ones: its mean and its spread are then both too low. So
    groups are taken to be alike in shape, but not in size. The standard deviation of a group in relation to its mean
    counts as :math:`\rho`, that of all groups of the dimension together, where its own is smaller. On the side of the
    long tail, the spread grows with the mean that is tried:

    .. math:: r - t \, e \ \text{ to } \ r + \frac{t \, e}{1 - t \kappa / \sqrt n}, \quad
        e = \max(s, \rho |r|) / \sqrt n, \quad \kappa = \min(\max(s / |r|, \rho), \gamma)

    with the standard deviation s and the skewness :math:`\gamma` of the residuals, the larger one of the group and of
    all groups; a negative skewness lengthens the other side. If a group is worth more than it seems, by so much its
    values vary more: this solves the t test for the true ratio [1]_. Where the denominator is not above 0, the end is
    infinite: so few customers cannot tell. Values without skewness have Student's interval.

    Where every group earns exactly the target, one of two, four or ten groups is called above or below it in at most 5
    of 100 simulated worlds: groups of 20 to 10,000 customers, values lognormal with sigma 0.5 to 1.5 and 0 to 95 % of
    them 0, costs alike, threefold or lognormal, values in proportion to them or not. Where groups also differ in shape
    (lognormal with sigma 1.5 and 90 % zeros beside 0.35 without zeros), it is up to 7. The price: with sigma 1.5 and
    90 % zeros, half the target is found in 42 and twice the target in 7 of 100 worlds of four groups of 1,000.
    Payback is the first period in which the sum of the mean margins reaches the mean cost. Each period takes the mean
    over customers whose period is over. The ends are the first periods in which the upper and the lower end of the sum
    reach the cost.

    Sums are in whole cents. The groups of a dimension are rounded so that they add up to the sum of all customers: the
    largest remainders are rounded up.

    .. [1] Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B 16,
       175-185: the ends are the values that a t test does not reject.

    Examples
    --------
    >>> channel = ["ads", "ads", "ads", "ads", "mail", "mail", "mail", "mail"]
    >>> found = group_economics(
    ...     {"channel": channel, "region": ["north", "south"] * 4},
    ...     [20, 22, 25, 21, 90, 110, 100, 95],
    ...     acquisition_cost={"ads": 50, "mail": 10},
    ...     segment=channel,
    ... )
    >>> found.group, found.ratio.round(2)
    (('all', 'ads', 'mail', 'north', 'south'), array([2.01, 0.44, 9.88, 1.96, 2.07]))
    >>> found.moves[0]
    'channel: move money from ads (0.44, at most 0.52) to mail (9.88, at least 8.52).'
    """
    target, coverage = as_positive("target_ratio", target_ratio), as_fraction("level", level)
    amounts = as_column("value", value)
    n = require_same_length(value=amounts)
    segments = as_segments(segment, n)
    _require_dimensions(by)
    columns = {f"by {name}": column for name, column in by.items()}
    require_same_index(value=value, segment=segment, cash_flows=cash_flows, **columns)
    known = Rows.of(value=value, segment=segment, cash_flows=cash_flows, **columns)
    given = as_per_customer("acquisition_cost", acquisition_cost, n, kind="amount", segments=segments, rows=known)
    cost = np.broadcast_to(np.where(np.less(given, _ROUNDING * np.abs(amounts).max()), 0.0, given), (n,))
    flows = None if cash_flows is None else _read_flows(cash_flows, n)
    dimensions = _read_groups(by, n)

    everyone = _Rows(_ALL, [_ALL], np.arange(n), np.array([n]))
    rows = [everyone, *dimensions]
    tables = [_figures(part, amounts, cost, flows, coverage) for part in rows]
    whole = {name: tables[0][name][0] for name in ("value", "total_acquisition_cost")}
    for table in tables:
        for name, total in whole.items():
            table[name] = in_cents(table[name], total)
    return GroupEconomics(
        by=tuple(part.by for part in rows for _ in part.labels),
        group=tuple(label for part in rows for label in part.labels),
        **{name: hand_over(np.concatenate([table[name] for table in tables])) for name in tables[0]},
        level=coverage,
        target_ratio=target,
    )


def _require_dimensions(by: object) -> None:
    rule = "a mapping from the name of a dimension to its groups, such as {'channel': channel}"
    if not isinstance(by, Mapping) or not by:
        raise InputError("by", rule, by)
    for name, column in by.items():
        if as_text("by", name) in {"", _ALL}:
            raise InputError("by", "dimensions with a name other than 'all'", name)
        if column is None:
            raise InputError("by", rule, None, hint=f"{name!r} has no groups")


def _read_groups(by: Mapping[str, ArrayLike], n: int) -> list[_Rows]:
    found = []
    for name, column in by.items():
        segments = cast("Segments", as_segments(column, n, name="by"))  # no column is None
        texts = [str(label) for label in segments.labels]
        if len(set(texts)) != len(texts):
            raise InputError("by", "labels that are different as texts", texts)
        place = np.argsort(np.array(texts, dtype=object), kind="stable")
        code = np.empty(len(texts), dtype=np.int64)
        code[place] = np.arange(len(texts))
        code = code[segments.code]
        ends = np.cumsum(np.bincount(code, minlength=len(texts)))
        found.append(_Rows(name, sorted(texts), np.argsort(code, kind="stable"), ends))
    return found


def _read_flows(cash_flows: ArrayLike, n: int) -> Floats:
    rule = f"a table with a row for each of the {n} customers and a column for each period"
    flows = as_column("cash_flows", cash_flows, allow_missing=True, any_shape=True)
    if flows.ndim != 2 or len(flows) != n or not flows.shape[1]:
        raise InputError("cash_flows", rule, flows.shape)
    known = ~np.isnan(flows)
    require(known[:, :-1] >= known[:, 1:], "cash_flows", flows[:, 1:], "NaN after the first NaN of a customer")
    return flows


def _figures(part: _Rows, value: Floats, cost: Floats, flows: Floats | None, level: float) -> dict[str, Any]:
    from scipy.special import stdtrit

    found: dict[str, Any] = {name: np.full(len(part.labels), np.nan) for name in _FIGURES}
    found = {"n_customers": np.diff(part.ends, prepend=0), **found}
    n = found["n_customers"]
    t = -stdtrit(np.maximum(n - 1, 1), (1.0 - level) / 2.0)
    v, c = value[part.order], cost[part.order]
    found["value"], found["total_acquisition_cost"] = _exact_sums(v, part), _exact_sums(c, part)
    found["ltv"], found["acquisition_cost"] = mean, price = found["value"] / n, found["total_acquisition_cost"] / n
    np.divide(mean, price, out=found["ratio"], where=price > 0)
    error, cubes = np.full((2, len(n)), np.nan), np.zeros((2, len(n)))  # of the mean value, and of the ratio
    size = np.maximum.reduceat(np.abs(v), part.starts)
    away = v - np.repeat(mean, n)
    error[0], cubes[0] = _spread(away, size, part), _cubes(away, part)
    residual = v - np.repeat(np.where(price > 0, found["ratio"], 0.0), n) * c
    np.divide(_spread(residual, size, part), price, out=error[1], where=price > 0)
    np.divide(_cubes(residual, part), price, out=cubes[1], where=price > 0)
    if flows is not None:
        ends = _payback(flows, part, price, np.where(n > 1, t, np.nan))
        found["payback"], found["payback_low"], found["payback_high"] = ends
    for k, name in enumerate(("ltv", "ratio")):
        below, above = lengths_of_skewed(found[name], error[k], cubes[k], n, t)
        found[f"{name}_low"], found[f"{name}_high"] = found[name] - below, found[name] + above
    return found


def _exact_sums(column: Floats, part: _Rows) -> Floats:
    """Sum a column over each group, without rounding between."""
    numbers, places = column.tolist(), zip(part.starts.tolist(), part.ends.tolist(), strict=True)
    return np.array([math.fsum(numbers[start:end]) for start, end in places])


def _cubes(residual: Floats, part: _Rows) -> Floats:
    """Give the cubic root of the sum of cubes of each group."""
    size = np.maximum.reduceat(np.abs(residual), part.starts)
    with np.errstate(under="ignore"):
        parts = (residual / np.repeat(np.where(size > 0, size, 1.0), part.ends - part.starts)) ** 3
        found: Floats = size * np.cbrt(np.add.reduceat(parts, part.starts))
    return found


def _spread(residual: Floats, size: Floats, part: _Rows) -> Floats:
    """Give the standard errors of means, from residuals; NaN where these are rounding beside the size of amounts."""
    n = (part.ends - part.starts).astype(np.float64)
    width = np.maximum.reduceat(residual, part.starts) - np.minimum.reduceat(residual, part.starts)
    square = np.add.reduceat(residual * residual, part.starts)
    return np.where((n < 2) | (width <= _ROUNDING * size), np.nan, np.sqrt(square / np.maximum(n * (n - 1), 1.0)))


def _payback(flows: Floats, part: _Rows, price: Floats, t: Floats) -> tuple[Floats, Floats, Floats]:
    """Find the first period whose summed mean margins reach the price, and those of the ends of the sum."""
    group = np.repeat(np.arange(len(price)), part.ends - part.starts)
    total, count, square = np.zeros((3, len(price), flows.shape[1]))
    for rows, here, starts in _blocks(part, group):
        table = flows[rows]
        known = ~np.isnan(table)
        total[here[starts]] += np.add.reduceat(np.where(known, table, 0.0), starts, axis=0)
        count[here[starts]] += np.add.reduceat(known.astype(np.float64), starts, axis=0)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    for rows, here, starts in _blocks(part, group):
        away = (flows[rows] - mean[here]) / count[here]
        away[np.isnan(away)] = 0.0
        np.cumsum(away, axis=1, out=away)
        square[here[starts]] += np.add.reduceat(away * away, starts, axis=0)
    half = np.where(count > 1, t[:, None] * np.sqrt(square), np.nan)
    varies = (half > _ROUNDING * np.nansum(np.abs(mean), axis=1, keepdims=True)).any(axis=1)
    half[~varies] = np.nan  # all customers pay the same: nothing shows how they vary
    upto = mean.cumsum(axis=1)
    return _first(upto, price), _first(upto + half, price), _first(upto - half, price)


def _blocks(part: _Rows, group: Integers) -> Iterator[tuple[Integers, Integers, Integers]]:
    """Give so few rows at a time that they stay in fast memory, the group of each, and where each group begins."""
    for start in range(0, len(group), _ROWS):
        here = group[start : start + _ROWS]
        yield part.order[start : start + _ROWS], here, np.nonzero(np.diff(here, prepend=-1))[0]


def _first(total: Floats, price: Floats) -> Floats:
    """Find the first period of each group in which the sum reaches the price; NaN where none does."""
    reached = total >= just_below(price[:, None])
    found = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.nan)
    return np.where(price == 0, 0.0, found)


def cash_flows_by_age(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike,
    *,
    customers: ArrayLike,
    margin: float | Mapping[Any, float] | ArrayLike,
    period: AgePeriod,
    as_of: ArrayLike,
    segment: ArrayLike | None = None,
    duplicates: Duplicates = "keep",
) -> Floats:
    """Sum up the margin of each customer in each period since their first order.

    Basis: margin, before service and acquisition cost.

    Parameters
    ----------
    customer, date, amount : array_like
        Order log: customer, day and money of each row, shape (rows,). Refunds are amounts below 0, and no orders: those
        before the first order of their customer belong to an older one and are left out. An amount smaller than 1e-9
        counts as 0.
    customers : array_like
        The customers of the result in their order, each once, shape (n,), such as those of a history.
    margin : float, mapping or array_like
        Share of revenue that is margin [fraction], in [0, 1]: one number, by segment, or one for each customer.
    period : {"week", "month", "quarter", "year"}
        Length of a period of age. Months are counted from the day of the first order.
    as_of : date
        Last day of the log.
    segment : array_like, optional
        Segment of each of the customers, for a mapping. A column of pandas whose index holds identifiers is brought
        into the order of `customers`, as for the margin.
    duplicates : {"keep", "drop", "raise"}, optional
        What to do with exact copies of rows, as in :func:`crmvalue.cohorts.retention_triangle`. An array has no place
        for their number: `counts` of :func:`crmvalue.purchases.summarise_purchases` of the same log has it.

    Returns
    -------
    ndarray
        Money of each period, shape (n, periods); NaN in periods that are not over on `as_of`. Rows of customers who are
        not asked for are left out, as are rows after `as_of`.

    Raises
    ------
    InputError
        If a column breaks its rule, a customer has no order until `as_of`, no customer has a whole period, or the
        customers times the periods since the earliest first order are more than 50 million.

    Warns
    -----
    DataWarning
        If first purchases pile up at the start of the log, where old customers look new, dates lie far before it, or
        refunds come before the first order of their customer.

    Examples
    --------
    >>> log = ["ann", "ann", "bob"], ["2024-01-10", "2024-02-20", "2024-02-01"], [100, 50, 80]
    >>> cash_flows_by_age(*log, customers=["ann", "bob"], margin=0.5, period="month", as_of="2024-03-15")
    array([[50., 25.],
           [40., nan]])
    """
    require_same_index(customer=customer, date=date, amount=amount)
    wanted, place = encode_customers("customers", customers)
    if len(wanted) != len(place):
        raise InputError("customers", "each customer once", f"{len(wanted)} customers in {len(place)} rows")
    ids, code = encode_customers("customer", customer)
    times, given = as_time_column("date", date), as_column("amount", amount, largest=np.inf)
    days, money = times.astype("datetime64[D]"), as_log_amounts("amount", given)
    require_same_length(customer=code, date=days, amount=money)
    require_choice("period", period, get_args(AgePeriod))
    end = as_day("as_of", as_of)
    n = len(wanted)
    ours = hand_over(wanted[place]).array
    rows = Rows.of(ours, customers=customers)
    segments = as_segments(segment, n, rows=rows)
    share = np.broadcast_to(as_per_customer("margin", margin, n, kind="fraction", segments=segments, rows=rows), (n,))
    row = _find(ids, wanted, place)[code]
    kept = (row >= 0) & (days <= end)
    copies = treat_copies(duplicates, used=kept, counted=False, date=times, customer=code, amount=given)
    if copies.rows is not None:
        kept &= copies.rows
    row, days, money = row[kept], days[kept], money[kept]
    start, is_order = np.full(n, np.iinfo(np.int64).max), money >= 0
    np.minimum.at(start, row[is_order], days[is_order].astype(np.int64))
    has_order = np.bincount(row[is_order], minlength=n) > 0
    require(has_order, "customers", ours, f"with an order until {end}", hint="leave out who has only refunds")
    first = start.astype("datetime64[D]")
    length = _periods(first, np.broadcast_to(end + np.timedelta64(1, "D"), (n,)), period)
    n_periods = int(length.max())
    if n_periods == 0:
        raise InputError("period", "one that is over for at least one customer", period)
    require_cells_that_fit(ours, first, n_periods)
    warn_of_early_rows(days)
    warn_of_old_customers(first, lambda: days_bought(first, row[is_order], days[is_order]), ADVICE_ON_OLD)
    warn_of_older_refunds(days < first[row])
    age = _periods(first[row], days, period)
    over = (days >= first[row]) & (age < n_periods)
    cell = row[over] * n_periods + age[over]
    flows = np.bincount(cell, money[over] * share[row[over]], n * n_periods).reshape(n, n_periods)
    return np.where(np.arange(n_periods) < length[:, np.newaxis], flows, np.nan)


def _find(ids: npt.NDArray[Any], wanted: npt.NDArray[Any], place: Integers) -> Integers:
    """Give the row of each identifier in the result, -1 for one that is not asked for; `wanted` is ascending."""
    row = np.empty(len(wanted), dtype=np.int64)
    row[place] = np.arange(len(place))
    if ids.dtype.kind == wanted.dtype.kind and ids.dtype.kind != "O":
        near = np.minimum(np.searchsorted(wanted, ids), len(wanted) - 1)
        return np.where(wanted[near] == ids, row[near], -1)
    row_of = dict(zip(wanted.tolist(), row.tolist(), strict=True))
    return np.array([row_of.get(label, -1) for label in ids.tolist()], dtype=np.int64)


def _periods(start: npt.NDArray[np.datetime64], end: npt.NDArray[np.datetime64], period: str) -> Integers:
    """Whole periods from one day to another."""
    weeks = period == "week"
    whole: Integers = (end - start).astype(np.int64) // 7 if weeks else months_between(start, end) // _MONTHS[period]
    return whole
