"""What each customer may buy next: again, as a cross-sell or as an upsell, with the expected margin and the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_float, as_items, as_whole_number, require, require_choice
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.labels import counted, labelled
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_field,
    hand_over,
    number_column,
    stay_frozen,
    words_field,
)
from crmvalue._products.counting import as_lines
from crmvalue._products.offers.correcting import corrections
from crmvalue._products.offers.learning import bought_in, history_of, learn, purchase_days
from crmvalue._products.offers.scoring import score
from crmvalue._products.pictures import offers_parts
from crmvalue._products.table import Table, coded, coded_column, labels_of, lines_left_out, read_as_arrays, rows_of
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._products.lines import OrderLines
    from crmvalue._products.offers.learning import PurchaseDays
    from crmvalue._products.offers.scoring import Candidates
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["KINDS", "UNKNOWN", "Kind", "NextProducts", "as_kinds", "candidates", "next_products"]

Kind: TypeAlias = Literal["again", "cross-sell", "upsell"]
RankBy: TypeAlias = Literal["prob", "expected_margin"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_LARGEST_HORIZON = 3660

_MOST_ROWS = 15_000_000
"""Most offers of one result, made within 2 GB of memory: 70 to 130 bytes each."""


@read_as_arrays
@stay_frozen
@attrs.frozen(kw_only=True)
class NextProducts(Table, Pictured):
    """Products to offer to each customer, by customer and rank.

    Parameters
    ----------
    customer, product : ndarray
        Identifiers.
    kind : ndarray of str
        "again" for a product that the customer had bought, "upsell" for a new one of a category that they had bought,
        dearer than all they had bought of it, and "cross-sell" for any other.
    prob : ndarray
        Probability that the customer buys the product within the horizon.
    expected_margin : ndarray
        `prob` times the mean amount of a purchase of the product times its margin [money]; NaN without a margin.
    reason : ndarray of str
        "bought before", "bought after" for a product that follows `because_of`, or "popular".
    because_of : ndarray
        The product bought before that speaks most for this one; the product itself if nothing else does. Of products
        that speak equally much, the one bought last, and of those of one day the first by identifier.
    horizon_days : int
        Horizon [days].
    as_of : datetime64[D]
        Last day of the log.
    kinds : tuple of str
        The kinds that were asked for.
    n_later : int
        Lines after `as_of`, left out.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(customer=[1, 1, 2], date=["2024-01-05", "2024-03-01", "2024-01-09"], product=["tea"] * 3)
    >>> next_products(lines, as_of="2024-03-31", horizon_days=60).product
    array(['tea', 'tea'], dtype='<U3')
    """

    customer: npt.NDArray[Any] = coded_column("customer", identifiers=True)
    product: npt.NDArray[Any] = coded_column("product", identifiers=True)
    kind: npt.NDArray[np.str_] = coded_column("kind", texts=True)
    prob: Floats = number_column("prob", low=0.0, high=1.0)
    expected_margin: Floats = number_column("expected_margin", missing=True)
    reason: npt.NDArray[np.str_] = coded_column("reason", texts=True)
    because_of: npt.NDArray[Any] = coded_column("because_of", identifiers=True)
    horizon_days: int = count_field("horizon_days", low=1)
    as_of: np.datetime64 = checked_field("as_of", as_day)
    kinds: tuple[str, ...] = words_field("kinds", distinct=True)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.kinds:
            raise InputError("kinds", "at least one kind", self.kinds)
        kind = labels_of(self, "kind")
        good = np.isin(kind.distinct, self.kinds)[kind.code]
        if not good.all():
            require(good, "kind", self.kind, "one of `kinds`")

    def _parts(self) -> Parts:
        product = labels_of(self, "product").take(slice(None))
        of_kind = [self._are(kind) for kind in self.kinds]
        return offers_parts(product, of_kind, self.prob, self.expected_margin, self.kinds, self.horizon_days)

    def _are(self, kind: str) -> npt.NDArray[np.bool_]:
        """Tell which rows are of a kind."""
        labels = labels_of(self, "kind")
        found: npt.NDArray[np.bool_] = (labels.distinct == kind)[labels.code]
        return found

    def of(self, customer: Any) -> NextProducts:
        """Give the rows of one customer.

        Parameters
        ----------
        customer : int or str
            The customer.

        Returns
        -------
        NextProducts
            Their rows, none for an unknown customer.
        """
        found: NextProducts = rows_of(self, "customer", "customer", customer)
        return found

    @property
    def conclusion(self) -> str:
        """Say in a sentence how many offers there are."""
        kinds = ", ".join(f"{int(np.count_nonzero(self._are(kind))):,} {kind}" for kind in self.kinds)
        n_customers = int(np.count_nonzero(np.bincount(labels_of(self, "customer").code)))
        later = lines_left_out(self.n_later)
        return f"{counted(len(self), 'product')} for {counted(n_customers, 'customer')}: {kinds}.{later}"


def next_products(
    lines: OrderLines,
    *,
    as_of: ArrayLike,
    horizon_days: int,
    n: int = 5,
    kinds: Sequence[Kind] = KINDS,
    margin: float | Mapping[Any, float] | None = None,
    rank_by: RankBy = "prob",
    customers: ArrayLike | None = None,
) -> NextProducts:
    r"""Choose the products to offer to each customer: to buy again, as a cross-sell or as an upsell.

    Parameters
    ----------
    lines : OrderLines
        The lines. With `category` and `amount`, upsells are told from cross-sells.
    as_of : date_like
        Last day of the log; later lines are left out and counted.
    horizon_days : int
        Length of the time to come [days], such as 60. The last period of this length teaches what follows a history.
    n : int, default 5
        Most products for each customer, >= 1.
    kinds : {"again", "cross-sell", "upsell"} or sequence of them, optional
        What may be offered; by default all three.
    margin : float or mapping, optional
        Margin as a fraction of the amount, at most 1: one number, or one for each product by its identifier.
    rank_by : {"prob", "expected_margin"}, default "prob"
        Which figure puts the products of a customer in order.
    customers : array_like, optional
        Customers to choose for; by default all with a purchase up to `as_of`.

    Returns
    -------
    NextProducts
        Up to `n` rows for each customer, the first to offer first; equal ones in the order of their identifiers.

    Raises
    ------
    InputError
        If a number is out of its range, a word is unknown, the log begins less than `horizon_days` before `as_of`,
        columns that the arguments need are missing, or the customers may get more than 15 million products in all.

    Notes
    -----
    The log is cut at :math:`t`, one horizon before `as_of`. For two products, i and j, the share of the customers who
    had i but not j at t, and bought j after it, is counted; the overall share :math:`b_j` of the customers without j
    counts as 10 customers more. The probability that a customer buys a new product j is

    .. math:: p_j = a \left(b_j + \frac{\sum_i (s_{ij} - b_j)}{k + 3}\right)

    over the :math:`k` products i that they had bought, where :math:`a` is the activity of customers who bought as
    often and as lately. Only the 20 products j with the largest shares :math:`s_{ij}` count for each i. Customers with
    more than 2,000 products by :math:`t` or new after it count in :math:`b_j` but in no :math:`s_{ij}`: such an account
    is a till or a reseller, and the work grows with the square of its products. A product that was bought before has
    the share of those bought as often and as lately that were bought again, times a factor of the product.

    These probabilities are too high for what is offered: the best of many are chosen, and fashions pass. So the same
    rule is applied one horizon earlier, at :math:`t`, learnt from the horizon before it. What came after :math:`t`
    among the first 20 products of each of up to 2,000 customers gives :math:`c` and :math:`b` of the corrected
    probability :math:`\min(c \, p^b, 1)`, by Poisson's likelihood, for bought products and for new ones. Beside the
    purchases that were seen, 20 count that came as expected. The correction does not know a season that is still to
    come. A log that begins less than two horizons before `as_of` corrects nothing. :func:`check_next_products` tells
    how good all this is on your own log.

    This is a count of what customers did, not of what an offer changes: products with a high probability are often
    bought without an offer, too. For deep recommenders see the package implicit.

    References
    ----------
    Linden, Smith and York (2003). Amazon.com recommendations: item-to-item collaborative filtering. IEEE Internet
    Computing 7, 76-80.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> past = [(i, "2024-01-05", "printer" if i < 40 else "lamp") for i in range(80)]
    >>> later = [(i, "2024-03-10", "ink") for i in range(20)]
    >>> customer, date, product = zip(*past, *later, (99, "2024-03-20", "printer"))
    >>> lines = OrderLines(customer=customer, date=date, product=product, amount=[9.0] * 101)
    >>> offers = next_products(lines, as_of="2024-03-31", horizon_days=60, n=1, kinds=["cross-sell"], margin=0.5)
    >>> for column in offers.of(99).to_columns().values():
    ...     print(column)
    [99]
    ['ink']
    ['cross-sell']
    [0.3]
    [1.35]
    ['bought after']
    ['printer']
    """
    log = as_lines(lines)
    lines = log.until(as_of)
    end = as_day("as_of", as_of)
    horizon = as_whole_number("horizon_days", horizon_days, low=1, high=_LARGEST_HORIZON)
    most = as_whole_number("n", n, low=1)
    wanted = as_kinds(kinds)
    require_choice("rank_by", rank_by, get_args(RankBy))
    margins = _margins(margin, lines.product.distinct)
    if rank_by == "expected_margin" and margins is None:
        raise InputError("margin", "given to rank by it", None)
    days = purchase_days(lines)
    goods = goods_of(lines, days, wanted)
    if margins is not None and lines.amount is None:
        raise InputError("lines", "with an amount, for a margin", None)
    ids = lines.customer.distinct
    chosen = np.arange(len(ids)) if customers is None else _places(ids, customers)

    worth = None if margins is None else goods.spend * margins
    found = candidates(days, end, horizon, chosen, most, wanted, goods, worth if rank_by == "expected_margin" else None)
    kind = kind_of(found.customer, found.product, found.is_new, goods).astype(np.int8)
    expected = np.full(len(found.prob), np.nan) if worth is None else found.prob * worth[found.product]
    speaks = found.reason >= 0
    why = np.where(found.is_new, np.where(speaks, np.int8(1), np.int8(2)), np.int8(0))
    names = lines.product.distinct
    return NextProducts(
        customer=coded(ids, found.customer),
        product=coded(names, found.product),
        kind=coded(np.array(KINDS), kind),
        prob=hand_over(found.prob),
        expected_margin=hand_over(expected),
        reason=coded(np.array(["bought before", "bought after", "popular"]), why),
        because_of=coded(names, np.where(speaks, found.reason, found.product)),
        horizon_days=horizon,
        as_of=end,
        kinds=wanted,
        n_later=len(log) - len(lines),
    )


class Goods(NamedTuple):
    """What is known of each product, and the dearest one that each customer bought of each category."""

    spend: Floats  # mean amount of a purchase
    price: Floats
    category: Integers | None
    n_categories: int
    owned: Integers  # customer and category as one number, ascending
    dearest: Floats


UNKNOWN = Goods(np.zeros(0), np.zeros(0), None, 0, np.zeros(0, dtype=np.int64), np.zeros(0))
"""Nothing is known of the products: whatever is new is a cross-sell."""


def as_kinds(kinds: Any) -> tuple[Kind, ...]:
    """Take one of the kinds, or some of them, in their order."""
    found = [kinds] if isinstance(kinds, str) else as_items("kinds", kinds, f"a list of some of {', '.join(KINDS)}")
    for kind in found:
        require_choice("kinds", kind, KINDS)
    if not found:
        raise InputError("kinds", f"a list of some of {', '.join(KINDS)}", kinds)
    return tuple(kind for kind in KINDS if kind in found)


def candidates(
    days: PurchaseDays,
    end: np.datetime64,
    horizon: int,
    customers: Integers,
    n: int,
    kinds: tuple[Kind, ...],
    goods: Goods,
    worth: Floats | None,
) -> Candidates:
    """Learn from the last period and give the best candidates of some customers."""
    if len(customers) * min(n, days.shape[1]) > _MOST_ROWS:
        rule = f"so small that {len(customers):,} customers get at most {_MOST_ROWS:,} products"
        fits = _MOST_ROWS // len(customers)
        hint = f"{fits:,} fits; or choose" if fits else "choose"
        raise InputError("n", rule, n, hint=f"{hint} for some of the customers at a time")
    cut = end - np.timedelta64(horizon, "D")
    first = np.datetime64(int(days.day.min()), "D")
    require(first <= cut, "horizon_days", horizon, "shorter than the log before `as_of`")
    past, bought = history_of(days, cut), bought_in(days, cut, end)
    again, new = corrections(days, cut, horizon, past, bought)
    lessons = learn(past, bought)._replace(correct_again=again, correct_new=new)
    asked = np.array([kind in kinds for kind in KINDS])

    def may(customer: Integers, product: Integers, *, is_new: bool) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = asked[kind_of(customer, product, is_new, goods)]
        return found

    return score(history_of(days, end), lessons, customers, n, None if asked.all() else may, worth)


def goods_of(lines: OrderLines, days: PurchaseDays, kinds: tuple[Kind, ...]) -> Goods:
    """Sum up prices and categories, as far as they are known."""
    if kinds == ("upsell",) and (lines.amount is None or lines.category is None):
        raise InputError("kinds", "not 'upsell' alone, where the lines have no category or no amount", kinds[0])
    if lines.amount is None:
        return UNKNOWN
    code = lines.product.code
    money = np.bincount(code, weights=lines.amount)
    units = np.bincount(code, weights=lines.quantity)
    spend, price = money / np.bincount(days.product, minlength=len(money)), money / units
    if lines.category is None:
        return UNKNOWN._replace(spend=spend, price=price)
    n_categories = len(lines.category.distinct)
    category = _categories(code, lines.category.code, n_categories)
    key = days.customer.astype(np.int64) * n_categories + category[days.product]
    order = np.argsort(key)
    begins = np.nonzero(np.diff(key[order], prepend=-1))[0]
    dearest = np.maximum.reduceat(price[days.product[order]], begins)
    return Goods(spend, price, category, n_categories, key[order[begins]], dearest)


def _categories(product: npt.NDArray[Any], category: npt.NDArray[Any], n: int) -> Integers:
    """Give the category that most lines of each product have; of two, the first one."""
    key, size = np.unique(product.astype(np.int64) * n + category, return_counts=True)
    order = np.lexsort((key, -size, key // n))
    first = np.unique(key[order] // n, return_index=True)[1]
    found: Integers = key[order][first] % n
    return found


def kind_of(customer: npt.NDArray[Any], product: npt.NDArray[Any], is_new: Any, goods: Goods) -> Integers:
    """Give the place of each candidate's kind among all kinds."""
    if goods.category is None:
        return np.broadcast_to(is_new, customer.shape).astype(np.int64)
    key = customer.astype(np.int64) * goods.n_categories + goods.category[product]
    place = np.minimum(np.searchsorted(goods.owned, key), len(goods.owned) - 1)
    dearer = (goods.owned[place] == key) & (goods.price[product] > goods.dearest[place])
    return np.where(is_new, np.where(dearer, 2, 1), 0)


def _margins(margin: Any, products: npt.NDArray[Any]) -> Floats | None:
    """Take one margin, or one for each product."""
    if margin is None:
        return None
    pairs = labelled("margin", margin) if part_of(margin, "items") is not None else None
    pairs = dict(margin) if isinstance(margin, Mapping) else pairs
    if pairs is None:
        share = as_float("margin", margin)
        require(-1e3 <= share <= 1, "margin", share, "at most 1", hint="a fraction, not percent")
        return np.full(len(products), share)
    for product in products.tolist():
        if product not in pairs:
            raise InputError("margin", "given for each product of the lines", product)
    shares = np.array([as_float("margin", pairs[product]) for product in products.tolist()])
    require(shares <= 1, "margin", shares, "at most 1", hint="a fraction, not percent")
    return shares


def _places(ids: npt.NDArray[Any], customers: ArrayLike) -> Integers:
    """Find customers among those of the lines."""
    wanted, code = encode_customers("customers", customers)
    if len(wanted) and isinstance(wanted[0], str) != isinstance(ids[0], str):
        raise InputError("customers", "of text or whole numbers, as `customer`", wanted[0])
    require(len(wanted) > 0, "customers", len(wanted), "at least one customer")
    ids, wanted = as_comparable(ids, wanted)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    require((ids[place] == wanted)[code], "customers", wanted[code], "customers with a line up to `as_of`")
    return place
