"""The best price of a cart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from crmvalue._core.checks import as_ordered_items, as_whole_number, require_choice
from crmvalue._core.money import Rounding
from crmvalue._core.values import of_class, optional
from crmvalue._promotions.caps import Caps
from crmvalue._promotions.cart import Cart, exponent_in
from crmvalue._promotions.prepare import prepare, ready
from crmvalue._promotions.pricing import Pricer
from crmvalue._promotions.promotion import Promotion
from crmvalue._promotions.reasons import reasons_why_not
from crmvalue._promotions.receipt import write_receipt
from crmvalue._promotions.result import PricedCart, RoundedPer
from crmvalue._promotions.search import cheapest
from crmvalue._promotions.units.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue._promotions.search import Choice

__all__ = ["best_price", "choose"]


def best_price(
    cart: Cart,
    promotions: Sequence[Promotion],
    *,
    caps: Caps | None = None,
    rounding: Rounding = "half_up",
    rounded_per: RoundedPer = "line",
    node_limit: int = 200_000,
) -> PricedCart:
    """Find the cheapest legal price of a cart.

    The result is the same for every order of lines and promotions.

    Parameters
    ----------
    cart : Cart
        The cart.
    promotions : sequence of Promotion
        All promotions that run; those that do not apply are named with the reason.
    caps : Caps, optional
        Technical limits. They cut the discounts of each choice before choices are compared.
    rounding : {"half_up", "half_even", "down"}, optional
        How a discount is rounded to minor units.
    rounded_per : {"unit", "line", "order"}, optional
        Where discounts are rounded: for each unit, for each line and promotion, or once for the order. In the last case
        the discount of the order is split over lines by largest remainder. Units that a group or `limit_per_order`
        takes are rounded one by one with "line" too: half of 19.99 off five units is 50.00 then, not 49.98.
    node_limit : int, optional
        Steps after which the search stops, >= 1. Each step also allows 12 small parts of work, which count all that is
        done for the cart: lines that are priced, units moved, bundles listed, amounts that lines share.
        Choices that are tried after a search that stopped have as much work again. The result is then the best choice
        that was found, with `optimal=False`. Promotions that may be better by themselves are then looked at as if there
        were no other one, with as many steps each, those that can take most off first, for as much work as all this,
        and some seconds at least: the result is not dearer than any of them by itself. On carts of up to 60 lines each
        promotion is tried, beside those of single lines, even where no work is left. Only where this work ends before
        all were looked at, as with a dozen bundles on hundreds of lines, may one of the others be better.
        Between results that are not optimal, one with a larger limit is mostly better, but not always.

    Returns
    -------
    PricedCart
        Lines with their discounts, promotions applied and rejected, gifts, delivery.

    Raises
    ------
    InputError
        If two promotions have one id, a currency differs from that of the cart, an amount has more decimals than the
        currency, or an argument is outside its range.

    Notes
    -----
    A choice is priced in this order:

    1. Groups of units: each unit is in at most one group, and discounts are taken of prices before all discounts.
    2. Promotions of single lines. A line may take any of its promotions that combine with each other: fixed prices,
       then amounts, then percentages of what is left, then percentages of the initial price.
    3. Percentages of the order, on all of its lines. Those with a limit in money come after the others.
    4. Amounts of the order, shared by its lines.
    5. Caps cut the discount of each line, then of brands, then of the order. Money off the order moves to other lines,
       or is lost, as `Caps.blocked` says.

    What a promotion requires is counted in prices before all discounts. Two promotions may meet on a line if each
    allows the family of the other; groups of units never hinder each other. What counts is the price less the value of
    gifts. Of equal choices, the one with the higher priorities comes first, then the one with fewer promotions, then
    the one with the first ids. This is so for each line by itself, and for lines that a promotion of the order, a group
    or a cap connects; so two lines may have two promotions where one would be enough for both.

    Examples
    --------
    >>> from crmvalue.promotions import Cart, CartLine, Caps, Promotion, best_price
    >>> cart = Cart(
    ...     lines=[
    ...         CartLine(id="1", product="eau", brand="LUX", unit_price="100.00"),
    ...         CartLine(id="2", product="soap", unit_price="100.00"),
    ...     ],
    ...     currency="UAH",
    ... )
    >>> promotions = [
    ...     Promotion.percent("A", 20, on="order"),
    ...     Promotion.amount("B", "15.00", products=["soap"], family="b", combines_with=["c"]),
    ...     Promotion.percent("C", 10, on="order", family="c", combines_with=["b"]),
    ... ]
    >>> priced = best_price(cart, promotions)
    >>> priced.total, [applied.promotion for applied in priced.applied]
    (16000, ['A'])
    >>> priced = best_price(cart, promotions, caps=Caps(brand_percent={"LUX": 10}))
    >>> priced.total, priced.rejected[0].reason
    (16650, 'beaten by B + C by 3.50')
    """
    cart = of_class(Cart)("cart", cart)
    listed = as_ordered_items("promotions", promotions, "a list of promotions")
    given = tuple(of_class(Promotion)("promotions", promotion) for promotion in listed)
    caps = optional(of_class(Caps))("caps", caps)
    require_choice("rounding", rounding, get_args(Rounding))
    require_choice("rounded_per", rounded_per, get_args(RoundedPer))
    budget = Budget(as_whole_number("node_limit", node_limit, low=1))
    return _priced(cart, given, caps, rounding, rounded_per, budget)


def choose(
    cart: Cart, given: tuple[Promotion, ...], caps: Caps | None, rounding: Any, rounded_per: Any, budget: Budget
) -> tuple[Pricer, Choice]:
    """Find the best choice of checked arguments; `line_discounts` says what it means for each line."""
    problem = prepare(cart, ready(given, exponent_in(cart)), caps, rounding=rounding, rounded_per=rounded_per)
    pricer = Pricer(problem)
    return pricer, cheapest(pricer, budget)


def _priced(
    cart: Cart, given: tuple[Promotion, ...], caps: Caps | None, rounding: Any, rounded_per: Any, budget: Budget
) -> PricedCart:
    pricer, choice = choose(cart, given, caps, rounding, rounded_per, budget)
    problem = pricer.problem
    receipt = write_receipt(pricer, choice)
    applied = {one.promotion for one in receipt.applied}
    rejected = reasons_why_not(pricer, choice, (promotion.id for promotion in given if promotion.id not in applied))
    saving = max(0, choice.most - choice.value)
    return PricedCart(
        cart=cart,
        promotions=given,
        caps=caps,
        rounding=rounding,
        rounded_per=rounded_per,
        lines=tuple(receipt.lines),
        applied=tuple(receipt.applied),
        rejected=tuple(rejected),
        gifts=tuple(receipt.gifts),
        delivery=receipt.delivery,
        optimal=saving == 0,
        possible_saving=-(-saving // problem.scale),
        n_nodes=budget.used,
    )
