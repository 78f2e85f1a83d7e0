"""Members against non-members who did the same before, and referred customers against others who began alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_fraction, as_outcomes, as_text, require_same_index, require_same_length
from crmvalue._core.comparisons import cut_back, errors_of_means, half_width
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, figure
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import count_field, interval_field, number_field, require_at_most, require_inside
from crmvalue._loyalty.pictures import matched_parts
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["MemberEffect", "ReferredValue", "member_effect", "referred_value"]

_ALL_ALIKE = "Customers do not differ among themselves, so nothing shows how far chance reaches."
_FEW_OR_ALIKE = (
    "Fewer than 10 customers of a group were matched, or those matched do not differ among themselves: nothing shows "
    "how far chance reaches."
)
_TOO_FEW = "Fewer than 10 customers of a group were matched: too few to show how far chance reaches."
_FEWEST = 10  # a mean of fewer customers has no honest interval
_ROUNDING = 1e-12  # of the largest value: less is what binary arithmetic leaves of nothing
_SMALL = 100  # customers of a group that is too small to show how skewed money varies
_FEWEST_OTHERS = 6  # in a cell: with fewer the interval was too short in simulations


@attrs.frozen(kw_only=True)
class MemberEffect(Pictured):
    """Difference between members and non-members who did the same before joining.

    No figure of it proves a cause: what makes people join and is not in `before` may be the reason for any difference.

    Parameters
    ----------
    effect : float
        Mean of the matched members less that of non-members like them, in the unit of `after`.
    interval : Interval
        Confidence interval of `effect`; without ends where fewer than 10 customers of a group were
        matched, or customers do not differ among themselves.
    naive_difference : float
        Mean of all members less mean of all non-members. It is no effect: members differ by choice.
    naive_interval : Interval
        Confidence interval of `naive_difference`.
    before_difference : float
        The largest difference between the groups before joining, over the columns of `before`, in standard deviations.
        Outsize values, up to one in fifty, are cut back where this makes it larger.
    n_members, n_matched : int
        Members, and those of them for whom there are non-members like them.
    n_others : int
        Non-members.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> before = rng.poisson(rng.gamma(1, 3, 2000))
    >>> joins = rng.random(2000) < before / (before + 5)
    >>> after = rng.poisson(before)
    >>> found = member_effect(joins, after, before={"orders": before})
    >>> low, high = found.interval
    >>> found.naive_difference > 1, bool(low < 0 < high)
    (True, True)
    """

    effect: float = number_field("effect")
    interval: Interval = interval_field("interval")
    naive_difference: float = number_field("naive_difference")
    naive_interval: Interval = interval_field("naive_interval")
    before_difference: float = number_field("before_difference", low=0)
    n_members: int = count_field("n_members")
    n_matched: int = count_field("n_matched")
    n_others: int = count_field("n_others")
    level: float = number_field("level", low=0, high=1)

    def __attrs_post_init__(self) -> None:
        if self.n_matched > self.n_members:
            raise InputError("n_matched", f"at most `n_members` ({self.n_members})", self.n_matched)
        require_inside("interval", self.interval, self.effect)
        require_inside("naive_interval", self.naive_interval, self.naive_difference)

    def _parts(self) -> Parts:
        return matched_parts(
            (self.effect, self.interval),
            (self.naive_difference, self.naive_interval),
            who="Members",
            others="others",
            basis="who did the same before",
            unit="unit of the outcome",
        )

    @property
    def conclusion(self) -> str:
        """What can be concluded, and what not."""
        low, high = self.interval
        names = f"{figure(self.effect)} ({figure(low)} to {figure(high)})"
        fewer = f"{figure(-self.effect)} ({figure(-high)} to {figure(-low)})"
        verdict = (
            f"Members and non-members who did the same before differ by {figure(self.effect)}. "
            f"{_unknown(self.n_matched, self.naive_interval)}"
            if math.isinf(high)
            else f"Members and non-members who did the same before differ by {names}, which may be chance."
            if low <= 0 <= high
            else f"Members had {names} more than non-members who did the same before."
            if low > 0
            else f"Members had {fewer} less than non-members who did the same before."
        )
        lost = self.n_members - self.n_matched
        left_out = (
            f" {counted(lost, 'member')} had nobody like them and {'is' if lost == 1 else 'are'} left out."
            if lost
            else ""
        )
        return (
            f"{verdict}{left_out} Without matching the difference is {figure(self.naive_difference)}; that is no "
            "effect, because members chose to join. Before joining, the groups differed by "
            f"{_size_of(self.before_difference)}. What made members join and is not in `before` may be the reason for "
            "any difference. Only a group that could not join, drawn by chance, can tell whether membership has an "
            "effect."
        )

    def to_json(self) -> str:
        """Write the effect as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> MemberEffect:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def member_effect(
    member: ArrayLike, after: ArrayLike, *, before: Mapping[str, ArrayLike], level: float = 0.95
) -> MemberEffect:
    r"""Compare members with non-members who did the same before joining.

    Parameters
    ----------
    member : array_like of bool
        Whether each customer joined, shape (n,).
    after : array_like
        What is compared, over one period after joining, the same for all: spend, orders, or 1 for customers who bought
        again and 0 for others.
    before : mapping of str to array_like
        What customers did in one period before joining, such as ``{"spend": ..., "orders": ...}``. Give what makes
        people join.
    level : float, default 0.95
        Level of the intervals, in (0, 1).

    Returns
    -------
    MemberEffect
        The difference after matching, and the naive one beside it.

    Raises
    ------
    InputError
        If a value is missing, a group has fewer than 10 customers, or no members have non-members like them.

    Notes
    -----
    Each column of `before` is cut at quantiles of the members: into 10 parts if there is one column, 5 of two, 3 of
    more. Customers in the same parts of all columns form a cell. In each cell with at least two members and six others
    the means are compared; what is left of the difference before, inside the cell, is taken off by a regression on
    `before`. Customers with one of up to three outsize values of a column are not matched. Cells count by their
    members. The interval is one of Student's t, with the variances of both groups in each cell and that of the
    regression, and Satterthwaite's degrees of freedom. Money is skewed, and small groups
    seldom show how much. So the interval is the wider of two, by the rule of
    :func:`crmvalue.experiments.compare_means`: one lets each group of a cell vary in its own way, the other one both
    groups of a cell alike. With fewer than 100 matched customers in a group, no cell varies less than all customers
    together. With fewer than 10, there is no interval.

    Customers who join look better than others with or without a programme. If a trait that is not in `before` makes
    people both join and buy, the interval leaves 0 out where membership does nothing. No rows of observed customers
    can tell this from an effect. Only a group that could not join, drawn by chance, shows the effect without doubt
    (:func:`crmvalue.experiments.compare_means`).

    References
    ----------
    Iacus, S. M., King, G. and Porro, G. (2012). Causal inference without balance checking: coarsened exact matching.
    Political Analysis 20, 1-24.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> before = rng.poisson(rng.gamma(1, 3, 2000))
    >>> joins = rng.random(2000) < before / (before + 5)
    >>> found = member_effect(joins, rng.poisson(before), before={"orders": before})
    >>> round(found.naive_difference, 1), round(found.effect, 1)
    (3.1, -0.2)
    """
    found = _compared("member", member, "after", after, "before", before, ("members", "non-members"), level)
    return MemberEffect(
        effect=found.difference,
        interval=found.interval,
        naive_difference=found.naive_difference,
        naive_interval=found.naive_interval,
        before_difference=found.gap,
        n_members=found.n_chosen,
        n_matched=found.n_matched,
        n_others=found.n_others,
        level=found.level,
    )


@attrs.frozen(kw_only=True)
class ReferredValue(Pictured):
    """Value of referred customers against that of others who began in the same way.

    Parameters
    ----------
    difference : float
        Mean of the matched referred customers less that of others like them, in the unit of `value`.
    interval : Interval
        Confidence interval of `difference`; without ends where fewer than 10 customers of a group were
        matched, or customers do not differ among themselves.
    naive_difference : float
        Mean of all referred customers less mean of all others. It also holds when and how they began.
    naive_interval : Interval
        Confidence interval of `naive_difference`.
    start_difference : float
        The largest difference between the groups at the start, over the columns of `start`, in standard deviations.
        Outsize values, up to one in fifty, are cut back where this makes it larger.
    n_referred, n_matched : int
        Referred customers, and those of them for whom there are others like them.
    n_others : int
        Other customers.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> month = rng.integers(0, 12, 3000)  # of the first order
    >>> referred = rng.random(3000) < month / 20  # referrals came late
    >>> value = rng.gamma(2, 40, 3000) * (12 - month) / 12 + 5 * referred
    >>> found = referred_value(referred, value, start={"month": month})
    >>> print(f"{found.difference:.0f}, naive {found.naive_difference:.0f}")
    5, naive -14
    """

    difference: float = number_field("difference")
    interval: Interval = interval_field("interval")
    naive_difference: float = number_field("naive_difference")
    naive_interval: Interval = interval_field("naive_interval")
    start_difference: float = number_field("start_difference", low=0)
    n_referred: int = count_field("n_referred")
    n_matched: int = count_field("n_matched")
    n_others: int = count_field("n_others")
    level: float = number_field("level", low=0, high=1)

    def __attrs_post_init__(self) -> None:
        require_at_most(self, "n_matched", "n_referred")
        require_inside("interval", self.interval, self.difference)
        require_inside("naive_interval", self.naive_interval, self.naive_difference)

    def _parts(self) -> Parts:
        return matched_parts(
            (self.difference, self.interval),
            (self.naive_difference, self.naive_interval),
            who="Referred customers",
            others="others",
            basis="who began alike",
            unit="unit of the value",
        )

    @property
    def conclusion(self) -> str:
        """What can be concluded, and what not."""
        low, high = self.interval
        names = f"{figure(self.difference)} ({figure(low)} to {figure(high)})"
        fewer = f"{figure(-self.difference)} ({figure(-high)} to {figure(-low)})"
        verdict = (
            f"Referred customers and others who began in the same way differ by {figure(self.difference)}. "
            f"{_unknown(self.n_matched, self.naive_interval)}"
            if math.isinf(high)
            else f"Referred customers and others who began in the same way differ by {names}, which may be chance."
            if low <= 0 <= high
            else f"Referred customers are worth {names} more than others who began in the same way."
            if low > 0
            else f"Referred customers are worth {fewer} less than others who began in the same way."
        )
        lost = self.n_referred - self.n_matched
        left_out = (
            f" {counted(lost, 'referred customer')} had nobody like them and {'is' if lost == 1 else 'are'} left out."
            if lost
            else ""
        )
        return (
            f"{verdict}{left_out} Without matching the difference is {figure(self.naive_difference)}; that mixes in "
            f"when and how they began. At the start, the groups differed by {_size_of(self.start_difference)}. People "
            "recommend a shop to people like themselves, so this is no effect of the reward."
        )

    def to_json(self) -> str:
        """Write the value as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ReferredValue:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def referred_value(
    referred: ArrayLike, value: ArrayLike, *, start: Mapping[str, ArrayLike], level: float = 0.95
) -> ReferredValue:
    """Compare the value of referred customers with that of others who began in the same way.

    Parameters
    ----------
    referred : array_like of bool
        Whether each customer was referred, shape (n,).
    value : array_like
        What is compared: money, orders or CLV of each customer, over the same time since their first order.
    start : mapping of str to array_like
        Numbers that were known when they began, such as ``{"month": ..., "first_order": ...}``. Give the month of the
        first order where referrals did not come evenly over time.
    level : float, default 0.95
        Level of the intervals, in (0, 1).

    Returns
    -------
    ReferredValue
        The difference after matching, and the naive one beside it.

    Raises
    ------
    InputError
        If a value is missing, a group has fewer than 10 customers, or no referred customers have others like them.

    Notes
    -----
    Matching and intervals are those of :func:`member_effect`. Take from :func:`attribute_referrals` who was referred:
    all outcomes but "no referrer" and those of its guards. Do not leave out those who paid too little for a reward:
    then only good customers would count as referred.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> month = rng.integers(0, 12, 3000)
    >>> referred = rng.random(3000) < month / 20
    >>> found = referred_value(referred, 100.0 - 5 * month + 3 * referred, start={"month": month})
    >>> round(found.difference, 6), round(found.naive_difference, 1)
    (3.0, -11.5)
    """
    found = _compared("referred", referred, "value", value, "start", start, ("referred customers", "others"), level)
    return ReferredValue(
        difference=found.difference,
        interval=found.interval,
        naive_difference=found.naive_difference,
        naive_interval=found.naive_interval,
        start_difference=found.gap,
        n_referred=found.n_chosen,
        n_matched=found.n_matched,
        n_others=found.n_others,
        level=found.level,
    )


class _Compared(NamedTuple):
    """Two groups compared inside cells of customers alike, and without."""

    difference: Any
    interval: Interval
    naive_difference: Any
    naive_interval: Interval
    gap: Any
    n_chosen: int
    n_matched: int
    n_others: int
    level: float


def _compared(
    name: str,
    chosen: Any,
    value_name: str,
    after: Any,
    past_name: str,
    before: Any,
    groups: tuple[str, str],
    level: Any,
) -> _Compared:
    """Compare the chosen customers with the others."""
    past_columns = _named(past_name, before)
    require_same_index(**{name: chosen, value_name: after}, **_prefixed(past_name, past_columns))
    joins = as_outcomes(name, chosen)
    value = as_column(value_name, after)
    columns = {known: as_column(f"{past_name}[{known!r}]", column) for known, column in past_columns.items()}
    require_same_length(**{name: joins, value_name: value}, **_prefixed(past_name, columns))
    confidence = as_fraction("level", level)
    for group, count in zip(groups, (int(joins.sum()), int((~joins).sum())), strict=True):
        if count < _FEWEST:
            raise InputError(name, f"of at least {_FEWEST} {group}", count)
    from scipy import stats

    past = np.stack(list(columns.values()), axis=1)
    cut = np.stack([cut_back(column) for column in past.T], axis=1)
    usual = (cut == past).all(axis=1)
    used = np.zeros(1, dtype=bool)
    if (joins & usual).any():
        cell, match = _cells(past[usual], joins[usual]), joins[usual]
        n_in, n_out = np.bincount(cell, match), np.bincount(cell, ~match)
        used = (n_in >= 2) & (n_out >= _FEWEST_OTHERS)
    if not used.any():
        rule = f"of values that at least 2 {groups[0]} and {_FEWEST_OTHERS} {groups[1]} share"
        raise InputError(past_name, rule, "none in common", hint="give fewer columns, or more customers")
    cut = np.stack([cut_back(column, many=True) for column in past.T], axis=1)
    past, cut = (part / np.array([_unit(column) for column in part.T]) for part in (past, cut))
    unit = _unit(value)
    with np.errstate(under="ignore"):
        value = value / unit  # squares of sums of money in any currency stay finite
        effect, ways = _matched(value[usual], past[usual], match, cell, used)
        flat, flat_matched = (_ROUNDING * float(np.abs(part).max()) for part in (value, value[usual][used[cell]]))
        enough = max(error for error, _ in ways) > flat_matched and min(n_in[used].sum(), n_out[used].sum()) >= _FEWEST
        tail = 0.5 + confidence / 2
        half = np.float64(max(stats.t.ppf(tail, degrees) * error for error, degrees in ways) if enough else np.inf)
        effect = effect if abs(effect) > flat_matched else 0.0
        naive = value[joins].mean() - value[~joins].mean()
        groups_of_two = (value[joins], value[~joins])
        n1, n0 = (len(part) for part in groups_of_two)
        e1, e0 = (float(np.std(part, ddof=1)) / math.sqrt(len(part)) for part in groups_of_two)
        naive = naive if abs(naive) > flat else 0.0
        known = math.hypot(e1, e0) > flat
        naive_half = np.float64(half_width(errors_of_means(e1, n1, e0, n0), confidence) if known else np.inf)
        gap = max(_gap(past, joins), _gap(cut, joins))
    return _Compared(
        difference=effect * unit,
        interval=Interval((effect - half) * unit, (effect + half) * unit),
        naive_difference=naive * unit,
        naive_interval=Interval((naive - naive_half) * unit, (naive + naive_half) * unit),
        gap=gap,
        n_chosen=int(joins.sum()),
        n_matched=int(n_in[used].sum()),
        n_others=int((~joins).sum()),
        level=confidence,
    )


def _gap(past: Floats, joins: npt.NDArray[np.bool_]) -> float:
    """Give the largest difference of the means of two groups, in standard deviations of all."""
    spread = past.std(axis=0)
    apart = np.abs(past[joins].mean(axis=0) - past[~joins].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return float(apart.max())


def _size_of(gap: float) -> str:
    """Say how far apart two groups were."""
    size = figure(gap, digits=2)
    return (
        "nothing"
        if gap == 0
        else "less than 0.01 standard deviations"
        if gap < 0.01
        else f"up to {size} standard deviation{'' if size == '1' else 's'}"
    )


def _unknown(n_matched: int, naive: Interval) -> str:
    """Say why there is no interval; where customers differ in all, the others that were matched may be too few."""
    if n_matched < _FEWEST:
        return _TOO_FEW
    return _ALL_ALIKE if math.isinf(naive.high) else _FEW_OR_ALIKE


def _unit(column: Floats) -> float:
    """Give a power of two of the size of a column, so that dividing by it rounds nothing."""
    return math.ldexp(1.0, math.frexp(float(np.abs(column).max()))[1] - 1)


def _named(name: str, before: Any) -> dict[str, Any]:
    if not isinstance(before, Mapping) or not before:
        raise InputError(name, "a mapping of at least one name to a column", before)
    return {as_text(name, known): column for known, column in before.items()}


def _prefixed(name: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Give columns under names that no argument has."""
    return {f"{name}[{known!r}]": column for known, column in columns.items()}


def _cells(past: Floats, joins: npt.NDArray[np.bool_]) -> Integers:
    """Find the cell of each customer: the same parts of all columns."""
    n_parts = {1: 10, 2: 5}.get(past.shape[1], 3)
    cell = np.zeros(len(past), dtype=np.int64)
    for column in past.T:
        cuts = np.unique(np.quantile(column[joins], np.arange(1, n_parts) / n_parts))
        part = np.searchsorted(cuts, column, side="left")
        cell = np.unique(cell * (n_parts + 1) + part, return_inverse=True)[1]
    return cell


def _variances(squares: Floats | Integers, freedom: Integers) -> tuple[Floats, Floats]:
    """Give the variance of each group of each cell in two ways: each its own, and both groups of a cell alike.

    The other group of each cell alternates with the chosen one. A part whose values are all equal takes the variance
    of its group in all cells, or that of the other group: a few equal values do not show that all would be. Most small
    groups miss the few large amounts, so with a small group no part varies less than all together.
    """
    variance = squares / freedom
    pooled = [squares[side::2].sum() / freedom[side::2].sum() for side in (0, 1)]
    pooled = [own or other for own, other in (pooled, pooled[::-1])]
    own = np.where(variance > 0, variance, np.tile(pooled, len(variance) // 2))
    both = np.repeat((squares[0::2] + squares[1::2]) / (freedom[0::2] + freedom[1::2]), 2)
    small = min(freedom[0::2].sum(), freedom[1::2].sum()) < _SMALL
    least = squares.sum() / freedom.sum() if small else 0.0
    return np.maximum(own, least), np.maximum(both, least)


def _matched(
    value: Floats, past: Floats, joins: npt.NDArray[np.bool_], cell: Integers, used: npt.NDArray[np.bool_]
) -> tuple[Any, list[tuple[Any, Any]]]:
    """Give the difference inside the cells, weighted by their members, with its error and degrees in both ways."""
    rows = used[cell]
    value, past, joins, cell = value[rows] - value[rows][0], past[rows] - past[rows][0], joins[rows], cell[rows]
    cell = np.unique(cell, return_inverse=True)[1]
    group = 2 * cell + joins
    size = np.bincount(group)
    n_in = size[1::2]

    def means(column: Floats) -> Floats:
        found: Floats = np.bincount(group, column) / size
        return found

    def apart(column: Floats) -> Floats:
        """Take the means off, and then the rounding of these; what is left of equal values is 0."""
        found = column - means(column)[group]
        found -= means(found)[group]
        return np.where(np.abs(found) > np.finfo(float).eps * np.abs(column).max(), found, 0.0)

    def difference(column: Floats) -> Any:
        middle = means(column)
        return weight @ (middle[1::2] - middle[::2])

    # Frisch and Waugh: the slope comes from what customers differ from their own group of a cell by
    inside, unlike = np.stack([apart(column) for column in past.T], axis=1), apart(value)
    inverse = np.linalg.pinv(inside)
    slope = inverse @ unlike
    rest = unlike - inside @ slope
    own, both = _variances(np.bincount(group, rest**2), size - 1)
    weight = n_in / n_in.sum()
    gap = np.array([difference(column) for column in past.T])
    effect = difference(value) - gap @ slope
    of_slope = (((gap @ inverse) * rest) ** 2).sum()
    share, freedom = np.repeat(weight, 2) ** 2 / size, size - 1
    of_cell = (share * both).reshape(-1, 2).sum(axis=1)
    ways = []
    # Satterthwaite: cells of few customers know their variance badly
    for parts, known_by in ((share * own, freedom), (of_cell, freedom.reshape(-1, 2).sum(axis=1))):
        total, few = parts.sum() + of_slope, (parts**2 / known_by).sum()
        ways.append((np.sqrt(total), total**2 / few if few else np.inf))
    return effect, ways
