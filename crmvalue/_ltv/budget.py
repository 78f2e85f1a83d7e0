"""Split of an acquisition budget over channels; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_amounts, as_positive, require, require_choice
from crmvalue._core.comparisons import just_below
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given, by_name, counted, listed, money, name_text
from crmvalue._core.pictures.parts import Axis, Layer, Parts, apart, cut, shown, stretch
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    hand_over,
    number_column,
    number_field,
    require_columns,
    stay_frozen,
    words_field,
)
from crmvalue._ltv.checks import in_cents
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["BudgetSplit", "split_budget"]

Keep: TypeAlias = Literal["total", "each"]

_STEPS = 200  # halvings of the range of the marginal ratio at most: more than float64 can tell
_ROUNDING = 1e-12  # of a logarithm
_STRAIGHT = 1e-9  # so near 1, an elasticity that comes from logarithms is 1
_CENT = 0.01
_JUST_ABOVE = 1.001  # times a ratio that whole cents miss
_LARGEST = 690.0  # logarithm of the largest spend that is still a number
_FEW_CHANNELS = 1_000  # whose exact sums take no time; the rounding of others is below `_ROUNDING`
_MOST_ROWS = 14  # of a picture
_FIGURES = ("spend_now", "spend", "most", "n_new", "acquisition_cost", "ratio", "next_ratio")


@stay_frozen
@attrs.frozen(kw_only=True)
class BudgetSplit(Columns, Pictured):
    """The spend of each channel that brings the most and keeps the target ratio.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    spend_now, spend : ndarray
        Spend of each channel today, and in the split [money, whole cents].
    most : ndarray
        Largest spend that each channel can take, at most the budget [money, whole cents].
    n_new : ndarray
        New customers of each channel in the split.
    acquisition_cost : ndarray
        Mean cost of a new customer in the split [money]; NaN for a channel without spend.
    ratio : ndarray
        LTV:CAC of the channel in the split; NaN for a channel without spend.
    next_ratio : ndarray
        Value that the next unit of money would bring in the channel.
    budget, unspent : float
        The budget, and what of it no channel can spend at the target ratio [money]. Spend and `unspent` sum to the
        budget.
    value : float
        Value of all new customers, before acquisition cost [money].
    target_ratio : float
        The ratio that is kept.

    Examples
    --------
    >>> split = split_budget(
    ...     1_000, spend={"ads": 500}, n_new={"ads": 10}, value={"ads": 200}, target_ratio=3, keep="total"
    ... )
    >>> split.spend, split.ratio
    (array([1000.]), array([4.]))
    """

    channels: tuple[str, ...] = words_field("channels", distinct=True)
    spend_now: Floats = number_column("spend_now", low=0.0)
    spend: Floats = number_column("spend", low=0.0)
    most: Floats = number_column("most", low=0.0)
    n_new: Floats = number_column("n_new", low=0.0)
    acquisition_cost: Floats = number_column("acquisition_cost", low=0.0, missing=True)
    ratio: Floats = number_column("ratio", low=0.0, missing=True)
    next_ratio: Floats = number_column("next_ratio", low=0.0, infinite=True)
    budget: float = checked_field("budget", as_positive)
    unspent: float = number_field("unspent", low=0.0)
    value: float = number_field("value", low=0.0)
    target_ratio: float = checked_field("target_ratio", as_positive)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.channels), _FIGURES, "channels", least=1)
        require((self.spend == 0) | (self.spend >= _CENT), "spend", self.spend, "0, or at least a cent")
        require(self.spend <= self.most + _CENT, "spend", self.spend, "at most `most`")
        whole = math.fsum(self.spend.tolist()) + self.unspent
        if not math.isclose(whole, self.budget, rel_tol=1e-9, abs_tol=_CENT):
            raise InputError("budget", f"the sum of `spend` and `unspent` ({as_given(whole)})", self.budget)

    @property
    def total_ratio(self) -> float:
        """LTV:CAC of all channels together; NaN without spend."""
        spent = math.fsum(self.spend.tolist())
        return self.value / spent if spent > 0 else math.nan

    @property
    def conclusion(self) -> str:
        """What to move where, and what remains."""
        change = self.spend - self.spend_now
        more = [
            f"{name} {step:+z,.2f}" for name, step in zip(self.channels, change.tolist(), strict=True) if round(step, 2)
        ]
        if not self.spend.any():
            return f"{_why_nothing(self)}. {_advice_for_nothing(self)}"
        moves = f"Change: {listed(more)}." if more else "Leave all channels as they are."
        text = f"{moves} LTV:CAC is then {money(self.total_ratio, form='z')}."
        rest = f" {self.unspent:z,.2f} of the budget is left: {self._why_left()}."
        return text + (rest if round(self.unspent, 2) else "")

    def _why_left(self) -> str:
        """Say why no more is spent: for the ratio, for what channels can take, or for what more would bring."""
        full = self.spend > self.most - _CENT / 2
        tiny = (self.spend == 0) & np.isinf(self.next_ratio)  # the best spend is less than a cent
        loses = ~full & _loses(self)
        rest = ", or a first cent would bring too little" if tiny.any() else ""
        if (full | tiny).all():
            return f"channels can take no more{rest}" if rest else "no channel can take more"
        loss = "more would bring less than it costs"
        if (full | loses | tiny).all():
            return (f"channels can take no more, or {loss}" if full.any() else loss) + rest
        ratio = f"at the ratio of {as_given(self.target_ratio)}{rest}"
        if loses.any() and self.total_ratio > _JUST_ABOVE * self.target_ratio:  # so they could spend more and keep it
            return f"channels can {'take no more, or not' if full.any() else 'spend no more'} {ratio}, or {loss}"
        return f"{'channels can take no more, or not' if full.any() else 'no channel can spend more'} {ratio}"

    def _parts(self) -> Parts:
        return _split_parts(self)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, a row for each channel, for a dataframe of any kind."""
        return {"channel": text_array(self.channels)} | {name: getattr(self, name) for name in _FIGURES}

    def to_json(self) -> str:
        """Write the split as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BudgetSplit:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def _loses(split: BudgetSplit) -> npt.NDArray[np.bool_]:
    """Tell which channels stop because more brings less than it costs: the return falls to 1 within the next cent.

    Not those whose next cent would still bring more, and break the ratio.
    """
    spent = split.spend > 0
    now = np.where(spent, split.spend, 1.0)
    value = np.where(spent, split.ratio, 0.0) * now
    bend = np.divide(split.next_ratio, split.ratio, out=np.ones(len(now)), where=spent & (split.ratio > 0))
    growth = 1.0 + _CENT / now
    after = split.next_ratio * growth ** (bend - 1.0)
    gain = value * (growth**bend - 1.0)
    keeps = split.value + gain > _JUST_ABOVE * split.target_ratio * (math.fsum(split.spend.tolist()) + _CENT)
    return np.where(spent, (after <= _JUST_ABOVE) & ((gain < _CENT) | keeps), split.next_ratio <= _JUST_ABOVE)


def _why_nothing(split: BudgetSplit) -> str:
    """Say why nothing is spent."""
    if (split.next_ratio >= split.target_ratio).any():
        return f"The best spend of each channel at the ratio of {as_given(split.target_ratio)} is less than a cent"
    return f"No channel reaches the ratio of {as_given(split.target_ratio)}"


def _advice_for_nothing(split: BudgetSplit) -> str:
    """Say what to do where nothing is spent; below a ratio of 1 customers bring less than they cost."""
    lower = (split.most > 0) & (split.next_ratio >= 1) & (split.next_ratio < split.target_ratio)
    return "Spend nothing, or lower the target." if lower.any() else "Spend nothing."


def _split_parts(split: BudgetSplit) -> Parts:
    """Draw the spend of each channel in the split beside that of today, the largest change first."""
    change = split.spend - split.spend_now
    order = np.argsort(-np.abs(change), kind="stable")
    names = [split.channels[k] for k in order]
    spend, now = split.spend[order], split.spend_now[order]
    said = [f"LTV:CAC {shown(ratio)}" if np.isfinite(ratio) else "" for ratio in split.ratio[order].tolist()]
    if len(names) > _MOST_ROWS:
        first = _MOST_ROWS - 1
        names = [*names[:first], f"{len(names) - first:,} other channels"]
        spend, now = (np.append(column[:first], column[first:].sum()) for column in (spend, now))
        said = [*said[:first], ""]
    rest = f"; {shown(split.unspent, 'money')} of the budget is left" if split.unspent > 0 else ""
    up, down = int(np.argmax(change)), int(np.argmin(change))
    moves = [(up, "more")] * bool(round(change[up], 2) > 0) + [(down, "less")] * bool(round(change[down], 2) < 0)
    words = [f"{shown(abs(change[k]), 'money')} {word} on {cut(split.channels[k])}" for k, word in moves]
    n_others = int(np.count_nonzero(np.round(change, 2))) - len(moves)
    others = f", and change {counted(n_others, 'other channel')}" if n_others else ""
    title = f"{_why_nothing(split)}: spend nothing"
    if split.spend.any():
        then = f"LTV:CAC is then {shown(split.total_ratio)}"
        title = f"Spend {' and '.join(words)}{others}: {then}" if words else "Leave the spend of all channels as it is"
    ends = np.maximum(spend, now)
    wide = float(ends.max()) * stretch(names, said)
    return Parts(
        title=title,
        x=Axis(title=f"Spend of a period [money]{rest}", form="money", low=0, high=wide),
        y=Axis(title="", form="name"),
        columns={
            "channel": np.array(apart(names)),
            "spend": spend,
            "spend_now": now,
            "end": ends + 0.012 * wide,
            "said": np.array(said),
        },
        layers=[
            Layer(mark="bar", x="spend", y="channel", label="in the split"),
            Layer(mark="points", x="spend_now", y="channel", label="today", style="naive"),
            Layer(mark="text", x="end", y="channel", text="said"),
        ],
    )


class _Channels:
    """Response of each channel: n_new (s / spend)^e new customers for a spend of s."""

    def __init__(self, spend: Floats, n_new: Floats, value: Floats, elasticity: Floats, most: Floats) -> None:
        self.spend, self.n_new, self.value, self.elasticity, self.most = spend, n_new, value, elasticity, most
        self.straight = elasticity == 1.0
        self.wins = value * n_new > 0
        with np.errstate(divide="ignore"):
            self.log_ratio = np.log(value * n_new / spend)  # of the first unit of a straight channel
        self.log_spend = np.log(spend)
        self.power = np.where(self.straight, 1.0, 1.0 / np.where(self.straight, 1.0, 1.0 - elasticity))

    def spend_where(self, log_bound: float, log_factor: Floats | float) -> Floats:
        """Give the largest spend at which a factor times the mean ratio is at least a bound."""
        full = np.where(self.log_ratio > log_bound, self.most, 0.0)
        if self.straight.all():
            return full
        log_spend = self.log_spend + self.power * (self.log_ratio + log_factor - log_bound)
        bent = np.exp(np.clip(log_spend, -_LARGEST, _LARGEST))
        return np.where(self.straight, full, np.minimum(np.where(self.wins, bent, 0.0), self.most))

    def new(self, spend: Floats) -> Floats:
        """Give the new customers for a spend."""
        customers: Floats = self.n_new * (spend / self.spend) ** self.elasticity
        return np.where(spend > 0, customers, 0.0)


@np.errstate(under="ignore")
def split_budget(
    budget: float,
    *,
    spend: Mapping[str, float] | ArrayLike,
    n_new: Mapping[str, float] | ArrayLike,
    value: Mapping[str, float] | ArrayLike,
    target_ratio: float,
    keep: Keep,
    elasticity: Mapping[str, float] | ArrayLike = 1.0,
    most: Mapping[str, float] | ArrayLike | None = None,
) -> BudgetSplit:
    r"""Split an acquisition budget over channels so that it brings the most and keeps a target LTV:CAC.

    Basis: value before acquisition cost, in margin.

    Parameters
    ----------
    budget : float
        Money for a period, > 0.
    spend : mapping or array_like
        Spend of each channel in such a period so far [money], > 0, by name: {"ads": 6_000, "mail": 1_000}. The other
        columns have the same names; a column of plain numbers has the order of the channels.
    n_new : mapping or array_like
        New customers that this spend won, >= 0.
    value : mapping or array_like
        Value of a new customer before acquisition cost [money], >= 0.
    target_ratio : float
        LTV:CAC to keep, >= 1. Below 1 the customers would bring less than they cost.
    keep : {"total", "each"}
        Whether all channels together have to keep the ratio, or each of them.
    elasticity : float, mapping or array_like, default 1
        Growth of new customers in percent for one percent more spend, in (0, 1]. At 1 the next customer costs as much
        as the last one; what differs from 1 by less than 1e-9, as logarithms leave it, is 1. Below 1 returns diminish:
        at 0.5 four times the spend wins twice the customers.
    most : mapping or array_like, optional
        Largest spend that a channel can take [money], >= 0; by default the budget.

    Returns
    -------
    BudgetSplit
        Spend of each channel in whole cents, and what remains. Where the next cent breaks the ratio, cents are rounded
        down.

    Raises
    ------
    InputError
        If a number is outside its range, or a channel is missing in a column.

    Notes
    -----
    .. math:: \max_s \sum_i v_i \, n_i (s_i / s_{0i})^{e_i} - s_i
        \quad\text{with}\quad \sum_i s_i \le B, \quad \text{value} / \text{spend} \ge \text{target}

    In the best split each further unit of money brings the same in all channels that are not at their limit. This
    common return is found by bisection. It is at least 1, so no money is spent that brings in less than itself.

    Without diminishing returns all goes to the channel with the best ratio, up to `most`. Two periods with different
    spend measure the elasticity: log(n2 / n1) / log(s2 / s1). Source: the definition.

    Examples
    --------
    >>> split = split_budget(
    ...     10_000,
    ...     spend={"ads": 6_000, "mail": 1_000},
    ...     n_new={"ads": 100, "mail": 50},
    ...     value={"ads": 200, "mail": 150},
    ...     target_ratio=3,
    ...     keep="total",
    ...     elasticity={"ads": 0.6, "mail": 0.7},
    ... )
    >>> split.spend, round(split.total_ratio, 2), split.unspent
    (array([2448.29, 7551.71]), 4.26, 0.0)
    """
    money = as_positive("budget", budget)
    target = as_positive("target_ratio", target_ratio)
    require(target >= 1, "target_ratio", target, ">= 1", hint="below 1 customers bring less than they cost")
    require_choice("keep", keep, get_args(Keep))
    names, columns = _by_channel(spend=spend, n_new=n_new, value=value, elasticity=elasticity, most=most)
    now, won, worth, bend = (columns[name] for name in ("spend", "n_new", "value", "elasticity"))
    limit = np.minimum(money, columns.get("most", np.full(len(names), money)))
    limit, whole = _whole_cents(limit), float(_whole_cents(money))

    channels = _Channels(now, won, worth, bend, limit)
    if keep == "each":
        good = channels.spend_where(math.log(just_below(target)), 0.0)
        channels = _Channels(now, won, worth, bend, np.minimum(limit, _whole_cents(good)))
    best = _best(channels, whole, target if keep == "total" else None)
    cents = in_cents(best, min(math.fsum(best.tolist()), whole))
    if keep == "total" and _total(worth * channels.new(cents)) < just_below(target * _total(cents)):
        cents = np.minimum(cents, _whole_cents(best))  # the last units bring less than the ratio
    customers = channels.new(cents)
    spent = cents > 0
    blank = np.full(len(names), np.nan)
    first = worth * won / now
    with np.errstate(divide="ignore", over="ignore"):
        falling = (cents / now) ** (bend - 1.0)  # infinite at the first unit where returns diminish
    next_ratio = np.where(first > 0, bend * np.where(first > 0, first, 1.0) * falling, 0.0)
    return BudgetSplit(
        channels=names,
        spend_now=hand_over(now.copy()),
        spend=hand_over(cents),
        most=hand_over(limit),
        n_new=hand_over(customers),
        acquisition_cost=hand_over(np.divide(cents, customers, out=blank.copy(), where=spent & (customers > 0))),
        ratio=hand_over(np.divide(customers * worth, cents, out=blank.copy(), where=spent)),
        next_ratio=hand_over(next_ratio),
        budget=money,
        unspent=max(round(money - math.fsum(cents.tolist()), 2), 0.0),
        value=math.fsum((customers * worth).tolist()),
        target_ratio=target,
    )


def _by_channel(**inputs: Any) -> tuple[tuple[str, ...], dict[str, Floats]]:
    """Take one number for each channel, by name or in their order; a single number holds for all channels."""
    single = {name: value for name, value in inputs.items() if isinstance(value, int | float | np.number)}
    several = {name: value for name, value in inputs.items() if name not in single and value is not None}
    missing = [name for name, value in inputs.items() if value is None and name != "most"]
    if missing:
        raise InputError(missing[0], "a mapping or a column with one number for each channel", None)
    if "spend" in single:
        raise InputError("spend", "a mapping or a column with the channels", single["spend"])
    singles = {name: _in_range(name, as_amounts(name, [value])) for name, value in single.items()}
    order, found = by_name(None, **several)
    columns = {name: as_amounts(name, column) for name, column in zip(several, found, strict=True)}
    n = len(columns["spend"])
    if not n:
        raise InputError("spend", "of at least one channel", 0)
    for name, column in columns.items():
        if len(column) != n:
            raise InputError(name, f"one number for each of the {n} channels", len(column))
        columns[name] = _in_range(name, column)
    columns |= {name: np.full(n, value[0]) for name, value in singles.items()}
    names = tuple(str(i + 1) for i in range(n)) if order is None else tuple(name_text("spend", name) for name in order)
    return names, columns


def _in_range(name: str, column: Floats) -> Floats:
    if name == "spend":
        require(column > 0, name, column, "> 0", hint="try a channel with a little money first")
    elif name == "elasticity":
        column = np.where(np.abs(column - 1.0) <= _STRAIGHT, 1.0, column)
        require((column > 0) & (column <= 1), name, column, "in (0, 1]")
    else:
        require(column >= 0, name, column, ">= 0")
    return column


def _whole_cents(money: Any) -> Any:
    """Round down to cents, so that no spend in cents exceeds it; 56.999999 cents, as 0.57 can become, are 57."""
    return np.floor(np.round(np.asarray(money) * 100.0, 6)) / 100.0


def _best(channels: _Channels, budget: float, target: float | None) -> Floats:
    """Find the spend of each channel: the lowest common return at which budget and ratio are kept."""
    log_factor = np.log(channels.elasticity)

    def value_of(spend: Floats) -> float:
        return _total(channels.value * channels.new(spend))

    def fits(spend: Floats) -> bool:
        total = _total(spend)
        if just_below(total) > budget:
            return False
        return target is None or bool(value_of(spend) >= just_below(target * total))

    low, high = 0.0, _LARGEST
    spend = channels.spend_where(low, log_factor)
    if fits(spend):
        return spend
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if fits(channels.spend_where(middle, log_factor)):
            high = middle
        else:
            low = middle
    spend = channels.spend_where(high, log_factor)
    equal = np.nonzero(channels.straight & (channels.log_ratio > low) & (channels.log_ratio <= high + _ROUNDING))[0]
    total, surplus = _total(spend), math.inf if target is None else value_of(spend) - target * _total(spend)
    loss = np.zeros(len(equal)) if target is None else np.maximum(target - np.exp(channels.log_ratio[equal]), 0.0)
    first = np.argsort(loss > 0, kind="stable")
    equal, loss = equal[first], loss[first]
    spend[equal] = _in_turn(channels.most[equal], loss, budget - total, surplus)
    return spend


def _in_turn(most: Floats, loss: Floats, budget: float, surplus: float) -> Floats:
    """Fill channels one after the other, while there is money, and value above the target that each unit takes away."""
    room = np.clip(budget - (np.cumsum(most) - most), 0.0, most)
    if math.isinf(surplus):
        return room
    taken = most * loss
    left = np.clip(surplus - (np.cumsum(taken) - taken), 0.0, taken)
    return np.where(loss > 0, np.minimum(room, left / np.where(loss > 0, loss, 1.0)), room)


def _total(amounts: Floats) -> float:
    """Add up amounts: exactly, where there are few, so that their order does not matter."""
    return math.fsum(amounts.tolist()) if len(amounts) <= _FEW_CHANNELS else float(amounts.sum())
