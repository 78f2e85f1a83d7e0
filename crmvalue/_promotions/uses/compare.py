"""What a set of promotions would have cost on past carts."""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_ordered_items, as_whole_number, require, require_choice
from crmvalue._core.encoding.customers import encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import Rounding
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_columns,
    count_field,
    label_column,
    of_class,
    optional,
    require_at_most,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._promotions.caps import Caps
from crmvalue._promotions.cart import Cart, CartLine, exponent_in
from crmvalue._promotions.prepare import bits, not_now, prepare, ready
from crmvalue._promotions.pricing import Pricer
from crmvalue._promotions.promotion import Promotion
from crmvalue._promotions.receipt import delivery_paid, line_discounts
from crmvalue._promotions.result import RoundedPer
from crmvalue._promotions.search import cheapest
from crmvalue._promotions.units.budget import Budget
from crmvalue._promotions.uses.history import CartHistory
from crmvalue._promotions.uses.pictures import discounts_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._promotions.prepare import Ready
    from crmvalue.typing import Integers

__all__ = ["PromotionComparison", "compare_promotions"]

Odd = Literal["drop", "raise"]
Rows: TypeAlias = dict[tuple[str, str], list[int]]

_N, _REVENUE, _DISCOUNT, _MARGIN, _GIFTS = range(5)
_BATCH = 2_000
"""Distinct carts that one process gets at once."""
_MOST_NAMED = 100
"""Odd carts that are named; all are counted."""
_AMOUNTS = -(2**53)


def _amounts(name: str) -> Any:
    return whole_table(name, low=_AMOUNTS)


@stay_frozen
@attrs.frozen(kw_only=True)
class PromotionComparison(Columns, Pictured):
    """Past carts under two sets of promotions: of all carts, by promotion, and by brand; amounts are whole minor units.

    Each array has one element for each row. The first row is that of all carts.

    Parameters
    ----------
    by : array of str
        What a row is of: "all", "promotion" or "brand".
    name : array of str
        Name of the promotion or brand; empty for all carts.
    n_carts_before, n_carts_after : array of int
        Carts in which the promotion applied, or the brand was bought.
    revenue_before, revenue_after : array of int
        What is paid: for all lines and the delivery, for the lines that the promotion discounted, or for the brand.
    discount_before, discount_after : array of int
        What is taken off, the delivery included for all carts and for promotions.
    margin_before, margin_after : array of int
        Revenue less cost of the lines whose cost is known, without the delivery and without gifts.
    gift_value_before, gift_value_after : array of int
        Value of the gifts, as promotions state it.
    n_carts : int
        Carts, odd ones left out.
    n_distinct : int
        Different ones among them, which were priced once.
    n_lines_without_cost : int
        Lines that are in no margin.
    n_not_optimal : int
        Carts whose price, before or after, is not proven to be the best.
    n_odd : int
        Carts that could not be read, left out.
    odd : tuple of str
        The first 100 of them, with the reason.

    Examples
    --------
    >>> from crmvalue.promotions import Cart, CartLine, Promotion, compare_promotions
    >>> carts = [
    ...     Cart(lines=[CartLine(id="1", product="soap", unit_price=1000, quantity=n)], currency="UAH") for n in (1, 3)
    ... ]
    >>> found = compare_promotions(carts, [], [Promotion.n_for_m("3 for 2", 3, 2)])
    >>> found.revenue_before.tolist(), found.revenue_after.tolist()
    ([4000, 0, 4000], [3000, 2000, 3000])
    """

    by: npt.NDArray[np.str_] = label_column("by", texts=True)
    name: npt.NDArray[np.str_] = label_column("name", texts=True)
    n_carts_before: Integers = whole_table("n_carts_before")
    n_carts_after: Integers = whole_table("n_carts_after")
    revenue_before: Integers = whole_table("revenue_before")
    revenue_after: Integers = whole_table("revenue_after")
    discount_before: Integers = whole_table("discount_before")
    discount_after: Integers = whole_table("discount_after")
    margin_before: Integers = _amounts("margin_before")
    margin_after: Integers = _amounts("margin_after")
    gift_value_before: Integers = whole_table("gift_value_before")
    gift_value_after: Integers = whole_table("gift_value_after")
    n_carts: int = count_field("n_carts")
    n_distinct: int = count_field("n_distinct")
    n_lines_without_cost: int = count_field("n_lines_without_cost")
    n_not_optimal: int = count_field("n_not_optimal")
    n_odd: int = count_field("n_odd")
    odd: tuple[str, ...] = words_field("odd")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.by), [*array_columns(self)], "rows", least=1)
        for when in ("before", "after"):
            carts = getattr(self, f"n_carts_{when}")
            require(carts <= self.n_carts, f"n_carts_{when}", carts, f"at most `n_carts`, {self.n_carts}")
            require_at_most(self, f"margin_{when}", f"revenue_{when}")
        require_at_most(self, "n_distinct", "n_carts")
        if len(self.odd) > self.n_odd:
            raise InputError("n_odd", f"at least the {len(self.odd)} carts of `odd`", self.n_odd)

    def _parts(self) -> Parts:
        kind = self.by == "promotion"
        revenue, margin = (
            int(after[0] - before[0])
            for before, after in ((self.revenue_before, self.revenue_after), (self.margin_before, self.margin_after))
        )
        return discounts_parts(self.name[kind], self.discount_before[kind], self.discount_after[kind], revenue, margin)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the arrays by their names, one row for all carts, for each promotion and for each brand."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the comparison as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> PromotionComparison:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def compare_promotions(
    carts: Sequence[Cart] | CartHistory,
    before: Sequence[Promotion],
    after: Sequence[Promotion],
    *,
    caps: Caps | None = None,
    rounding: Rounding = "half_up",
    rounded_per: RoundedPer = "line",
    node_limit: int = 200_000,
    odd: Odd = "drop",
    n_processes: int = 1,
) -> PromotionComparison:
    """Price past carts under two sets of promotions, such as today's and those of the next campaign.

    It says what the promotions would have cost had customers bought the same. It does not say what they would have
    bought more.

    Parameters
    ----------
    carts : sequence of Cart, or CartHistory
        Past carts, one by one or as columns. Columns are faster.
    before, after : sequence of Promotion
        The two sets; either may be empty.
    caps : Caps, optional
        Technical limits, for both sets.
    rounding : {"half_up", "half_even", "down"}, optional
        How discounts are rounded, as in :func:`best_price`.
    rounded_per : {"unit", "line", "order"}, optional
        Where they are rounded.
    node_limit : int, optional
        Steps after which the search of one cart stops, >= 1.
    odd : {"drop", "raise"}, optional
        What happens to a cart that cannot be read, such as one with a negative quantity or two channels: it is left out
        and counted, or it raises.
    n_processes : int, optional
        Processes that share the work, >= 1. Threads would not help, because a search is Python's own work. A script
        that asks for more than one needs ``if __name__ == "__main__":`` where processes are not forked.

    Returns
    -------
    PromotionComparison
        Revenue, discount and margin of all carts, by promotion and by brand.

    Raises
    ------
    InputError
        If an argument is outside its range, all carts are odd, or `odd` is "raise" and one is.

    Notes
    -----
    Each cart is priced by itself: uses and budgets that are left are those at the start for every cart. Equal carts
    share one result; columns that no promotion asks about do not make carts different. With one promotion,
    each different cart takes some 0.2 ms: 300,000 take a minute in one process.

    Examples
    --------
    >>> history = CartHistory(
    ...     cart=[1, 1, 2],
    ...     product=["eau", "soap", "soap"],
    ...     unit_price=["100.00", "10.00", "10.00"],
    ...     quantity=[1, 1, 3],
    ...     unit_cost=["60.00", "4.00", "4.00"],
    ...     currency="UAH",
    ... )
    >>> offers = [Promotion.n_for_m("3 for 2", 3, 2), Promotion.percent("tenth", 10, products=["eau"])]
    >>> found = compare_promotions(history, [], offers)
    >>> list(zip(found.name.tolist(), found.discount_after.tolist()))
    [('', 2000), ('3 for 2', 1000), ('tenth', 1000), ('', 2000)]
    """
    sides = tuple(_checked(name, offers) for name, offers in (("before", before), ("after", after)))
    caps = optional(of_class(Caps))("caps", caps)
    require_choice("rounding", rounding, get_args(Rounding))
    require_choice("rounded_per", rounded_per, get_args(RoundedPer))
    require_choice("odd", odd, get_args(Odd))
    most = as_whole_number("node_limit", node_limit, low=1)
    processes = as_whole_number("n_processes", n_processes, low=1, high=64)
    source = _Columns(carts, sides) if isinstance(carts, CartHistory) else _Carts(carts)
    for name, parts in (("before", sides[0]), ("after", sides[1]), ("caps", [caps] if caps else [])):
        for part in parts:
            if part.currency not in {None, source.currency}:
                raise InputError(name, f"in the currency of the carts, {source.currency}", part.currency)
    for side in sides:
        ready(side, source.exponent)

    kinds = source.distinct()
    price = partial(
        _price_batch, make=source.maker(), sides=sides, caps=caps, rounding=rounding, rounded_per=rounded_per, most=most
    )
    items = list(kinds.items())
    batches = [items[i : i + _BATCH] for i in range(0, len(items), _BATCH)]
    total = _Totals()
    if processes == 1 or len(batches) < 2:
        for batch in batches:
            total.add(price(batch))
    else:
        with ProcessPoolExecutor(processes, initializer=gc.freeze) as pool:  # what is there stays, so do not walk it
            for found in pool.map(price, batches):
                total.add(found)
    problems = [*source.problems, *(f"{source.name_of(key)}: {reason}" for key, reason in total.odd)]
    n_odd = len(source.problems) + total.n_odd
    if problems and (odd == "raise" or not total.n_carts):
        raise InputError("carts", "carts that can be priced", "one that cannot", count=n_odd, hint=problems[0])
    return _result(total, n_odd, problems)


def _checked(name: str, offers: Any) -> tuple[Promotion, ...]:
    listed = as_ordered_items(name, offers, "a list of promotions")
    made = tuple(of_class(Promotion)(name, promotion) for promotion in listed)
    twice = [promotion for promotion, n in Counter(promotion.id for promotion in made).items() if n > 1]
    if twice:
        raise InputError(name, "of different ids", twice[0])
    return made


def _result(total: _Totals, n_odd: int, problems: list[str]) -> PromotionComparison:
    order = {"all": 0, "promotion": 1, "brand": 2}
    rows = sorted({("all", ""), *total.rows[0], *total.rows[1]}, key=lambda row: (order[row[0]], row[1]))
    empty = [0] * 5
    columns: dict[str, Any] = {}
    for side, when in enumerate(("before", "after")):
        for place, word in ((_N, "n_carts"), (_REVENUE, "revenue"), (_DISCOUNT, "discount"), (_MARGIN, "margin")):
            columns[f"{word}_{when}"] = [total.rows[side].get(row, empty)[place] for row in rows]
        columns[f"gift_value_{when}"] = [total.rows[side].get(row, empty)[_GIFTS] for row in rows]
    return PromotionComparison(
        by=np.array([by for by, _ in rows]),
        name=text_array([name for _, name in rows]),
        n_carts=total.n_carts,
        n_distinct=total.n_distinct,
        n_lines_without_cost=total.n_lines_without_cost,
        n_not_optimal=total.n_not_optimal,
        n_odd=n_odd,
        odd=tuple(problems[:_MOST_NAMED]),
        **columns,
    )


class _Totals:
    """Sums over carts, of both sets of promotions."""

    def __init__(self) -> None:
        self.rows: tuple[Rows, Rows] = (defaultdict(lambda: [0] * 5), defaultdict(lambda: [0] * 5))
        self.n_carts = self.n_distinct = self.n_lines_without_cost = self.n_not_optimal = self.n_odd = 0
        self.odd: list[tuple[Any, str]] = []

    def add(self, other: _Totals) -> None:
        """Add the sums of other carts."""
        for mine, theirs in zip(self.rows, other.rows, strict=True):
            for row, sums in theirs.items():
                mine[row] = [a + b for a, b in zip(mine[row], sums, strict=True)]
        self.n_carts += other.n_carts
        self.n_distinct += other.n_distinct
        self.n_lines_without_cost += other.n_lines_without_cost
        self.n_not_optimal += other.n_not_optimal
        self.n_odd += other.n_odd
        self.odd += other.odd[: _MOST_NAMED - len(self.odd)]

    def __reduce__(self) -> Any:
        return _restored, (tuple(map(dict, self.rows)), {k: v for k, v in vars(self).items() if k != "rows"})


def _restored(rows: Any, others: dict[str, Any]) -> _Totals:
    total = _Totals()
    for mine, theirs in zip(total.rows, rows, strict=True):
        mine.update(theirs)
    vars(total).update(others)
    return total


def _price_batch(
    batch: list[tuple[Any, int]],
    *,
    make: Callable[[Any], Cart],
    sides: tuple[tuple[Promotion, ...], ...],
    caps: Caps | None,
    rounding: Any,
    rounded_per: Any,
    most: int,
) -> _Totals:
    """Price each of some distinct carts once, under both sets, and sum up."""
    total = _Totals()
    for key, n in batch:
        try:
            cart = make(key)
            names, n_units = _names(cart), sum(line.quantity for line in cart.lines)
            amount = sum(cart.minor(line.unit_price) * line.quantity for line in cart.lines)
            found: list[_Priced] = []
            for side in sides:
                possible = [
                    one for one in ready(side, exponent_in(cart)) if _may_reach(one, cart, names, n_units, amount)
                ]
                problem = prepare(cart, possible, caps, rounding=rounding, rounded_per=rounded_per)
                applicable = tuple(active.ready.promotion for active in problem.active)
                same = found and found[0].applicable == applicable
                found.append(found[0] if same else _Priced(problem, applicable, most))
        except InputError as error:
            total.n_odd += n
            if len(total.odd) < _MOST_NAMED:
                total.odd.append((key, str(error)))
            continue
        total.n_carts += n
        total.n_distinct += 1
        total.n_not_optimal += n * any(priced.is_open for priced in found)
        total.n_lines_without_cost += n * sum(line.unit_cost is None for line in cart.lines)
        for rows, priced in zip(total.rows, found, strict=True):
            priced.add_to(rows, n)
    return total


def _names(cart: Cart) -> tuple[set[str], set[str], set[str]]:
    """Give the brands, products and categories of a cart."""
    lines = cart.lines
    categories = {category for line in lines for category in line.categories}
    return {line.brand for line in lines}, {line.product for line in lines}, categories


@lru_cache(maxsize=1024)
def _needs(promotion: Promotion) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Give groups of names of which a cart needs one each: place among the names of a cart, and the names."""
    all_items = (promotion.items, *promotion.sets, *(() if promotion.get_items is None else (promotion.get_items,)))
    groups = {(i, words) for one in all_items for i, words in enumerate((one.brands, one.products, one.categories))}
    return tuple(sorted((i, words) for i, words in groups if words))


def _may_reach(one: Ready, cart: Cart, names: tuple[set[str], set[str], set[str]], n_units: int, amount: int) -> bool:
    """Whether a promotion may reach a cart, by a quick look; `prepare` looks closely, and says why not."""
    promotion = one.promotion
    if promotion.channels and cart.channel not in promotion.channels:
        return False
    if n_units < promotion.min_quantity or n_units < len(promotion.sets) or n_units < promotion.buy:
        return False
    if amount < one.sizes["min_amount"] or (one.steps and amount < one.steps[0][0]):
        return False
    return not any(names[i].isdisjoint(words) for i, words in _needs(promotion))


class _Priced:
    """The best price of one cart: what is taken off, by line and promotion."""

    def __init__(self, problem: Any, applicable: tuple[Promotion, ...], most: int) -> None:
        self.problem = problem
        self.applicable = applicable
        self.off: list[dict[int, int]] = [{} for _ in problem.amount]
        self.delivery = problem.delivery // problem.scale
        self.off_delivery: dict[int, int] = {}
        self.gifts: dict[int, int] = {}
        self.is_open = False
        if problem.active:
            pricer = Pricer(problem)
            choice = cheapest(pricer, Budget(most))
            self.off = line_discounts(pricer, choice)
            self.delivery, self.off_delivery = delivery_paid(pricer, choice)
            self.is_open = choice.most > choice.value
            for place in bits(choice.order):
                active = pricer.by_bit[1 << place]
                if active.ready.kind == "gift":
                    self.gifts[active.bit] = active.step[1] // problem.scale

    def add_to(self, rows: Rows, n: int) -> None:
        """Add `n` carts like this one to the sums."""
        problem = self.problem
        cart, ids = problem.cart, {active.bit: active.id for active in problem.active}
        brands: dict[str, list[int]] = {}
        promotions: dict[int, list[int]] = {}
        everything = [1, self.delivery, sum(self.off_delivery.values()), 0, sum(self.gifts.values())]
        for line, amount, parts in zip(cart.lines, problem.amount, self.off, strict=True):
            off = sum(parts.values())
            paid = amount // problem.scale - off
            margin = 0 if line.unit_cost is None else paid - cart.minor(line.unit_cost) * line.quantity
            brand = brands.setdefault(line.brand, [1, 0, 0, 0, 0])
            for sums in (everything, brand):
                sums[_REVENUE] += paid
                sums[_DISCOUNT] += off
                sums[_MARGIN] += margin
            for bit, part in parts.items():
                one = promotions.setdefault(bit, [1, 0, 0, 0, 0])
                one[_REVENUE] += paid
                one[_DISCOUNT] += part
                one[_MARGIN] += margin
        for bit, part in self.off_delivery.items():
            if part:
                promotions.setdefault(bit, [1, 0, 0, 0, 0])[_DISCOUNT] += part
        for bit, value in self.gifts.items():
            promotions.setdefault(bit, [1, 0, 0, 0, 0])[_GIFTS] += value
        named = {
            ("all", ""): everything,
            **{("brand", name): sums for name, sums in brands.items()},
            **{("promotion", ids[bit]): sums for bit, sums in promotions.items()},
        }
        for row, sums in named.items():
            mine = rows[row]
            for place in range(5):
                mine[place] += n * sums[place]


class _Carts:
    """Carts that were given one by one."""

    def __init__(self, carts: Any) -> None:
        listed = as_ordered_items("carts", carts, "a list of carts, or a CartHistory")
        if not listed:
            raise InputError("carts", "at least one cart", 0)
        self.carts = [of_class(Cart)("carts", cart) for cart in listed]
        self.currency, self.exponent = self.carts[0].currency, exponent_in(self.carts[0])
        self.problems: list[str] = []

    def distinct(self) -> dict[Any, int]:
        """Count equal carts; those of another currency than the first are odd."""
        counts: dict[Any, int] = defaultdict(int)
        for place, cart in enumerate(self.carts):
            if (cart.currency, exponent_in(cart)) != (self.currency, self.exponent):
                self.problems.append(f"cart at index {place}: its currency is {cart.currency}, not {self.currency}")
            else:
                counts[cart] += 1
        return counts

    def maker(self) -> Callable[[Any], Cart]:
        """Give what makes a cart of a key."""
        return _as_it_is

    def name_of(self, key: Any) -> str:
        """Name a cart in the list of odd ones."""
        return f"cart at index {self.carts.index(key)}"


def _as_it_is(cart: Cart) -> Cart:
    return cart


class _Columns:
    """Carts that were given as columns; a key is what promotions can see of a cart."""

    def __init__(self, history: CartHistory, sides: tuple[tuple[Promotion, ...], ...]) -> None:
        self.history = history
        self.currency, self.exponent = history.currency, history.exponent
        self.problems: list[str] = []
        self.first: dict[Any, Any] = {}
        every = [promotion for side in sides for promotion in side]
        self.asked = {
            name: {word for promotion in every for word in getattr(promotion, name)}
            for name in ("channels", "places", "segments")
        }
        self.codes = {promotion.code for promotion in every}
        self.first_matters = any(promotion.first_purchase for promotion in every)
        self.timed = [p for p in every if p.weekdays or p.hours or p.starts is not None or p.ends is not None]

    def distinct(self) -> dict[Any, int]:
        """Count carts that are equal to every promotion."""
        history = self.history
        ids, codes = encode_customers("cart", history.cart)
        order = np.lexsort((history.product.astype(str), codes))
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        self._find_mixed(ids, codes, order[starts])
        lines = list(zip(*(self._cells(name, order) for name in _LINE), strict=True))
        heads = order[starts]
        times = self._times(order, starts)
        contexts = zip(*(self._cells(name, heads) for name in _CONTEXT), times, strict=True)
        ends = [*starts[1:].tolist(), len(order)]
        counts: dict[Any, int] = defaultdict(int)
        for cart, start, end, context in zip(ids.tolist(), starts.tolist(), ends, contexts, strict=True):
            if cart in self.mixed:
                continue
            channel, place, first, delivery, time = context
            key = (
                tuple(lines[start:end]),
                channel if channel in self.asked["channels"] else "",
                place if place in self.asked["places"] else "",
                first if self.first_matters and first is not None else False,
                0 if delivery is None else delivery,
                time,
                tuple(word for word in history.segments.get(cart, ()) if word in self.asked["segments"]),
                tuple(word for word in history.codes.get(cart, ()) if word in self.codes),
            )
            self.first.setdefault(key, cart)
            counts[key] += 1
        return counts

    def _cells(self, name: str, rows: npt.NDArray[np.intp]) -> list[Any]:
        column = getattr(self.history, name)
        if column is None:
            return [None] * len(rows)
        taken = column[rows]
        whole = taken.dtype.kind == "f" and bool(np.all(taken == np.floor(taken)))
        cells: list[Any] = (taken.astype(np.int64) if whole else taken).tolist()
        return cells

    def _find_mixed(self, ids: npt.NDArray[Any], codes: Integers, heads: npt.NDArray[np.intp]) -> None:
        """Find carts with different channels, places and so on in their lines."""
        self.mixed: set[Any] = set()
        for name in _CONTEXT:
            column = getattr(self.history, name)
            if column is not None:
                differs = column != column[heads][codes]
                for cart in ids[np.unique(codes[differs])].tolist():
                    if cart not in self.mixed:
                        self.mixed.add(cart)
                        self.problems.append(f"cart {cart}: its lines differ in `{name}`")

    def _times(self, order: npt.NDArray[np.intp], starts: npt.NDArray[np.intp]) -> list[Any]:
        """Give one time in place of all at which the same promotions hold; None where none asks.

        The time of a cart is that of its last line, when it was paid.
        """
        if self.history.time is None or not self.timed:
            return [None] * len(starts)
        times = np.fmax.reduceat(self.history.time[order], starts)  # a line without a time does not count
        ends = [time for p in self.timed for time in (p.starts, p.ends) if time is not None]
        if all(time.astype("datetime64[m]") == time for time in ends):
            times = times.astype("datetime64[m]").astype("datetime64[us]")
        distinct, places = np.unique(times, return_inverse=True)
        stand_in: dict[tuple[bool, ...], Any] = {}
        found: list[Any] = []
        for time in distinct:
            if np.isnat(time):
                found.append(None)
            else:
                holds = tuple(not_now(time, promotion) is None for promotion in self.timed)
                found.append(stand_in.setdefault(holds, time))
        return [found[place] for place in places.ravel().tolist()]

    def maker(self) -> Callable[[Any], Cart]:
        """Give what makes a cart of a key."""
        return partial(_from_key, currency=self.currency, categories=self.history.categories)

    def name_of(self, key: Any) -> str:
        """Name a cart in the list of odd ones."""
        return f"cart {self.first[key]}"


_LINE = ("product", "unit_price", "quantity", "brand", "unit_cost")
_CONTEXT = ("channel", "place", "first_purchase", "delivery_price")


def _from_key(key: Any, *, currency: str, categories: Any) -> Cart:
    lines, channel, place, first, delivery, time, segments, codes = key
    return Cart(
        lines=tuple(_line(i, *line, categories.get(line[0], ())) for i, line in enumerate(lines)),
        currency=currency,
        channel=channel,
        place=place,
        first_purchase=first,
        delivery_price=delivery,
        time=time,
        segments=segments,
        codes=codes,
    )


@lru_cache(maxsize=200_000, typed=True)  # True is no quantity, although it equals 1
def _line(i: int, product: Any, price: Any, quantity: Any, brand: Any, cost: Any, categories: Any) -> CartLine:
    return CartLine(
        id=f"{i:06}",
        product=product,
        unit_price=price,
        quantity=quantity,
        brand="" if brand is None else brand,
        unit_cost=cost,
        categories=categories,
    )
