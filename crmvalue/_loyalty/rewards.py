"""What members get for points, for a fee, and for doing something several times in a row."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import last_date, purchases_by_day, warn_of_early_rows
from crmvalue._core.checks import (
    as_column,
    as_day,
    as_day_column,
    as_float,
    as_fraction,
    as_positive,
    as_text,
    as_whole_number,
    is_missing_object,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import just_below
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.values import (
    checked_field,
    count_field,
    date_table,
    hand_over,
    label_column,
    optional,
    require_at_most,
    require_columns,
    stay_frozen,
    tuple_of,
    whole_table,
    words_field,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["Challenge", "Reward", "RewardCatalogue", "find_streaks", "membership_break_even"]

StreakPeriod: TypeAlias = Literal["day", "week", "month"]


def _named(name: str, value: Any) -> str:
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a name, not empty", value)
    return text


def _price(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=1, high=10**12)


def _stock(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=0)


@attrs.frozen(kw_only=True)
class Reward:
    """Something that members get for points.

    Parameters
    ----------
    name : str
        Name of the reward.
    price : int
        Price in points, from 1 to 10**12; with stamps, their number: 10 for "the tenth coffee free" after ten stamps.
    stock : int, optional
        How many are left, >= 0; by default there is no limit.
    levels : tuple of str, optional
        Levels whose members may have it; by default all.

    Examples
    --------
    >>> Reward(name="coffee", price=10).price
    10
    """

    name: str = checked_field("name", _named)
    price: int = checked_field("price", _price)
    stock: int | None = checked_field("stock", optional(_stock), default=None)
    levels: tuple[str, ...] = words_field("levels", default=())

    def to_json(self) -> str:
        """Write the reward as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Reward:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


@attrs.frozen(kw_only=True)
class RewardCatalogue:
    """All rewards of a programme: what a member can have, and what is left after they took it.

    Parameters
    ----------
    rewards : sequence of Reward
        Rewards of different names.

    Examples
    --------
    >>> catalogue = RewardCatalogue(
    ...     rewards=[Reward(name="mug", price=80, stock=1), Reward(name="box", price=50, levels=["gold"])]
    ... )
    >>> catalogue.available(100, tier="base")
    ('mug',)
    >>> price, left = catalogue.redeem("mug", 100, tier="base")
    >>> price, left.available(100, tier="base")
    (80, ())
    """

    rewards: tuple[Reward, ...] = checked_field("rewards", tuple_of(Reward))

    def __attrs_post_init__(self) -> None:
        names = [reward.name for reward in self.rewards]
        if len(set(names)) != len(names):
            raise InputError("rewards", "of different names", names)

    def available(self, points: int, *, tier: str | None = None) -> tuple[str, ...]:
        """Names of the rewards that a member with these points can have, in the order of the catalogue.

        `points` is the balance, which may be negative. `tier` is the name of the member's level. Without it, rewards of
        certain levels are left out.
        """
        balance, level = as_float("points", points), _level(tier)
        return tuple(reward.name for reward in self.rewards if not _obstacle(reward, balance, level))

    def redeem(self, name: str, points: int, *, tier: str | None = None) -> tuple[int, RewardCatalogue]:
        """Give the price of a reward, and the catalogue with one less of it; the ledger books the spending.

        What the member cannot have raises an `InputError`.
        """
        wanted = as_text("name", name)
        found = [reward for reward in self.rewards if reward.name == wanted]
        if not found:
            raise InputError("name", "the name of a reward", name)
        reward = found[0]
        obstacle = _obstacle(reward, as_float("points", points), _level(tier))
        if obstacle:
            raise InputError("name", "a reward that the member can have", name, hint=obstacle)
        if reward.stock is None:
            return reward.price, self
        less = attrs.evolve(reward, stock=reward.stock - 1)
        kept = tuple(less if other is reward else other for other in self.rewards)
        return reward.price, RewardCatalogue(rewards=kept)

    def to_json(self) -> str:
        """Write the catalogue as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> RewardCatalogue:
        """Read what `to_json` wrote."""
        return from_json(cls, text, Reward)


def _level(tier: Any) -> str | None:
    """Take the name of a level; a missing one of a dataframe is none."""
    return None if is_missing_object(tier) else as_text("tier", tier)


def _obstacle(reward: Reward, points: float, tier: str | None) -> str:
    """Say why a member cannot have a reward; an empty text if they can."""
    if reward.levels and tier not in reward.levels:
        word = "level" if len(reward.levels) == 1 else "levels"
        return f"it is for the {word} {', '.join(reward.levels)}"
    if reward.stock == 0:
        return "none is left"
    return f"it costs {counted(reward.price, 'point')}" if points < reward.price else ""


@stay_frozen
@attrs.frozen(kw_only=True)
class Challenge(Columns):
    """Runs of periods in a row in which customers did something, as :func:`find_streaks` finds them.

    Parameters
    ----------
    customer : ndarray
        Customers, ascending.
    current : ndarray of int
        Periods in a row up to the period of `as_of`. A period that is not over yet does not break a run.
    longest : ndarray of int
        The longest run of each.
    won_customer : ndarray
        Customer of each reward that was won, in the order of time.
    won_period : ndarray of datetime64
        First day of the period in which it was won.
    n_later : int, default 0
        Rows after `as_of`, which are left out.

    Examples
    --------
    >>> found = find_streaks(["ann"] * 3, ["2024-01-05", "2024-02-07", "2024-03-01"], period="month", length=3)
    >>> found.current.tolist(), found.won_period.tolist()
    ([3], [datetime.date(2024, 3, 1)])
    """

    customer: npt.NDArray[Any] = label_column("customer")
    current: Integers = whole_table("current")
    longest: Integers = whole_table("longest")
    won_customer: npt.NDArray[Any] = label_column("won_customer")
    won_period: Dates = date_table("won_period")
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.customer), ("current", "longest"), "customers")
        require_columns(self, len(self.won_customer), ("won_period",), "rewards")
        require_at_most(self, "current", "longest")
        require(~np.isnat(self.won_period), "won_period", self.won_period, "a date, not missing")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each customer, for a dataframe of any kind."""
        return {"customer": self.customer, "current": self.current, "longest": self.longest}

    def to_json(self) -> str:
        """Write the runs as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Challenge:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def find_streaks(
    customer: ArrayLike,
    date: ArrayLike,
    *,
    period: StreakPeriod,
    length: int,
    as_of: ArrayLike | None = None,
    at_least: int = 1,
) -> Challenge:
    """Find runs of days, weeks or months in a row in which customers did something, and the rewards that they won.

    Parameters
    ----------
    customer : array_like
        Customer of each order or event.
    date : array_like
        Day of each.
    period : {"day", "week", "month"}
        Calendar period; weeks begin on Monday.
    length : int
        Periods in a row that win a reward, from 1 to 1000. A longer run wins again after as many more.
    as_of : date, optional
        Last day that counts; by default the last one of the log. Give it if rows lie far after all others. Later
        rows are left out, and counted in `n_later`.
    at_least : int, default 1
        Orders or events that a period needs, from 1 to 1000.

    Returns
    -------
    Challenge
        Current and longest runs, and rewards.

    Raises
    ------
    InputError
        If a date is missing, no row is left, or a number is out of range.

    Warns
    -----
    DataWarning
        If rows are years before all others, such as those of 1900.

    Examples
    --------
    >>> found = find_streaks(["ann", "ann", "bob"], ["2024-01-01", "2024-01-10", "2024-01-09"], period="week", length=2)
    >>> found.longest.tolist(), found.won_customer.tolist()
    ([2, 1], ['ann'])
    """
    require_same_index(customer=customer, date=date)
    people, person = encode_customers("customer", customer)
    day = as_day_column("date", date)
    require_same_length(customer=person, date=day)
    require_choice("period", period, get_args(StreakPeriod))
    run_length = as_whole_number("length", length, low=1, high=1000)
    fewest = as_whole_number("at_least", at_least, low=1, high=1000)
    by_day = partial(purchases_by_day, day, person)
    warn_of_early_rows(day)
    end = last_date("as_of", day, by_day) if as_of is None else as_day("as_of", as_of)
    kept = day <= end
    if not kept.any():
        raise InputError("as_of", "not before all rows", as_of)
    number = _period_numbers(day[kept], period)
    now = int(_period_numbers(np.array([end]), period)[0])
    cells, counts = np.unique(np.stack([person[kept], number]), axis=1, return_counts=True)
    who, when = cells[:, counts >= fewest]
    begins = np.ones(len(who), dtype=bool)
    begins[1:] = (np.diff(who) != 0) | (np.diff(when) != 1)
    place = np.arange(len(who))
    run = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
    longest, current = np.zeros((2, len(people)), dtype=np.int64)
    np.maximum.at(longest, who, run)
    recent = when >= now - 1
    current[who[recent]] = run[recent]  # the later period of a customer is written last
    won = np.nonzero(run % run_length == 0)[0]
    won = won[np.lexsort((who[won], when[won]))]
    return Challenge(
        customer=people,
        current=hand_over(current),
        longest=hand_over(longest),
        won_customer=people[who[won]],
        won_period=hand_over(_period_starts(when[won], period)),
        n_later=int(np.count_nonzero(~kept)),
    )


def _period_numbers(day: Dates, period: str) -> Integers:
    if period == "week":
        return (day.astype(np.int64) + 3) // 7  # 1 January 1970 was a Thursday
    unit = "datetime64[D]" if period == "day" else "datetime64[M]"
    return day.astype(unit).astype(np.int64)


def _period_starts(number: Integers, period: str) -> Dates:
    if period == "week":
        return (number * 7 - 3).astype("datetime64[D]")
    unit = "datetime64[D]" if period == "day" else "datetime64[M]"
    return number.astype(unit).astype("datetime64[D]")


def membership_break_even(
    spend: ArrayLike, *, fee: ArrayLike, discount: ArrayLike, margin: ArrayLike
) -> dict[str, float]:
    """Find for whom a paid membership pays, if customers buy as before.

    Parameters
    ----------
    spend : array_like
        Spend of each customer in the time that the fee covers [money], >= 0, shape (n,).
    fee : float
        Fee of the membership [money], > 0.
    discount : float
        Discount of members as a fraction of their spend, in (0, 1).
    margin : float
        Gross margin before the discount as a fraction of the spend, in (0, 1).

    Returns
    -------
    dict
        "spend_from": spend from which a member saves more than the fee [money]. "share_gaining": share of the
        customers who spend more. "gain": fees less discounts, if exactly these join [money]; it is never above 0.
        "extra_spend": by what fraction their spend must rise so that the shop gets as much as before.

    Raises
    ------
    InputError
        If an input is out of range, or the discount is not below the margin.

    Notes
    -----
    Those who join are those who save: without more purchases the shop loses what they save. A rise by the fraction r
    brings the margin less the discount on the new spend: ``r * spend * (margin - discount) = spend * discount - fee``,
    summed over those who join.

    Examples
    --------
    >>> found = membership_break_even([100, 500, 1500], fee=50, discount=0.1, margin=0.3)
    >>> found["spend_from"], found["gain"]
    (500.0, -100.0)
    >>> round(found["extra_spend"], 3)
    0.333
    """
    money = as_column("spend", spend)
    if len(money) == 0 or (money < 0).any():
        wrong = np.nonzero(money < 0)[0]
        index = int(wrong[0]) if len(wrong) else None
        raise InputError("spend", ">= 0, at least one row", float(money[index]) if len(wrong) else 0, index=index)
    price, off, part = as_positive("fee", fee), as_fraction("discount", discount), as_fraction("margin", margin)
    if off >= part:
        raise InputError("discount", "below the margin", off)
    start = float(Fraction(str(price)) / Fraction(str(off)))  # as written: 0.70 / 0.10 is 7, and not a bit less
    joins = just_below(money) > start  # ten times 9.90 is a little above 99
    lost = float((money[joins] * off - price).sum())
    total = float(money[joins].sum())
    return {
        "spend_from": start,
        "share_gaining": float(joins.mean()),
        "gain": 0.0 - lost,  # never -0.0
        "extra_spend": lost / (total * (part - off)) if total else 0.0,
    }
