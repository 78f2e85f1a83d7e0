"""Real data that ship with the package, and simulated order logs of any size.

:func:`load_cdnow` returns the sample that is commonly used to teach and compare purchase models.
:func:`simulate_transactions` makes logs with known parameters, for tests and benchmarks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_amounts, as_day, as_day_column, as_positive, as_whole_number, require_same_length
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.values import array_columns, array_field, hand_over, read_only, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, Floats

__all__ = ["Transactions", "load_cdnow", "simulate_transactions"]

_MOST_ORDERS = 10**8  # drawing them takes some gigabytes
_MOST_POINTS = 1001
_SHAPE, _SCALE = 0.55, 74.0  # of purchase rates, as in the CDNOW cohort
_LOWEST_RATE = 1e-200  # smaller rates count as this one, so that the inverse is finite
_CDNOW_DAY_ZERO = np.datetime64("1997-01-01", "D")


def _customer_column(value: ArrayLike) -> npt.NDArray[Any]:
    distinct, code = encode_customers("customer", value)
    return read_only(hand_over(distinct[code]))


@stay_frozen
@attrs.frozen(kw_only=True)
class Transactions(Columns):
    """An order log: three columns of equal length, one element per order.

    Parameters
    ----------
    customer : ndarray
        Identifier of the customer, shape (rows,).
    date : ndarray of datetime64[D]
        Day of the order.
    amount : ndarray
        Money of the order [money], of a magnitude up to 1e15; less than 1e-15 counts as 0.

    Examples
    --------
    >>> log = Transactions(customer=[1, 2], date=["2024-01-01", "2024-01-05"], amount=[9.5, 20])
    >>> len(log)
    2
    """

    customer: npt.NDArray[Any] = array_field(_customer_column)
    date: Dates = array_field(lambda value: read_only(as_day_column("date", value)))
    amount: Floats = array_field(lambda value: read_only(as_amounts("amount", value)))

    def __attrs_post_init__(self) -> None:
        require_same_length(customer=self.customer, date=self.date, amount=self.amount)

    def __len__(self) -> int:
        return len(self.customer)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def load_cdnow() -> Transactions:
    """Load the CDNOW sample: 6,919 orders of 2,357 customers of an online music shop, 1997-01-01 to 1998-06-30.

    Returns
    -------
    Transactions
        Customers numbered 1 to 2,357, the day of each order and its amount in US dollars. Ordered by customer, then
        day. 8 orders have an amount of 0, and 223 orders have the customer and day of another order.

    Notes
    -----
    All customers made their first purchase in the first twelve weeks of 1997. The sample is a tenth of the cohort of
    Fader and Hardie, "Forecasting repeat sales at CDNOW: a case study" (2001). Bruce Hardie publishes it for teaching.

    Examples
    --------
    >>> cdnow = load_cdnow()
    >>> len(cdnow), float(cdnow.amount.sum().round(2))
    (6919, 244091.94)
    """
    from importlib.resources import files

    with (files(__name__) / "cdnow.npz").open("rb") as file, np.load(file) as table:
        return Transactions(
            customer=table["customer"].astype(np.int64),
            date=_CDNOW_DAY_ZERO + table["day"].astype("timedelta64[D]"),
            amount=table["cents"] / 100.0,
        )


@np.errstate(under="ignore")
def simulate_transactions(
    n_customers: int,
    *,
    rng: np.random.Generator,
    start: ArrayLike = "2024-01-01",
    n_days: int = 546,
    n_acquisition_days: int = 84,
    purchase_shape: float = _SHAPE,
    purchase_scale: float = _SCALE,
    dropout_shape: float = 0.61,
    dropout_scale: float = 82.0,
    spend_shape: float = 6.25,
    spend_heterogeneity: float = 3.74,
    spend_scale: float = 15.44,
) -> Transactions:
    """Simulate an order log by the assumptions of the Pareto/NBD and gamma-gamma models.

    Each customer makes the first purchase on a random day of the acquisition days. Further purchases are a Poisson
    process with a rate of their own, until they leave after an exponential time with a rate of their own. Both rates
    differ between customers by gamma distributions; mean spends differ as in the gamma-gamma model. The defaults
    resemble the CDNOW cohort.

    Parameters
    ----------
    n_customers : int
        Number of customers, 1 to 1e8; numbered from 1.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same log.
    start : date, optional
        First day.
    n_days : int, optional
        Days observed, >= 1.
    n_acquisition_days : int, optional
        Number of days, from `start` on, in which first purchases happen, 1 to `n_days`.
    purchase_shape, purchase_scale : float, optional
        Shape and rate of the gamma distribution of purchase rates [scale in days], each > 0; their quotient is the mean
        number of purchases a day.
    dropout_shape, dropout_scale : float, optional
        The same for the rates of leaving.
    spend_shape, spend_heterogeneity, spend_scale : float, optional
        Parameters p, q and gamma of the gamma-gamma model, each > 0.

    Returns
    -------
    Transactions
        Ordered by customer, then day; amounts rounded to cents, at least 0.01.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Notes
    -----
    Given the time until a customer leaves, the number of purchases is Poisson and their times are uniform. So a few
    array operations draw the whole log. Sources: Schmittlein, Morrison and Colombo (1987) for the Pareto/NBD model,
    Fader and Hardie (2013) for the gamma-gamma model.

    Examples
    --------
    >>> log = simulate_transactions(1000, rng=np.random.default_rng(7))
    >>> len(np.unique(log.customer)), str(log.date.min())
    (1000, '2024-01-01')
    """
    n = as_whole_number("n_customers", n_customers, low=1, high=_MOST_ORDERS)
    if not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator", rng, hint="numpy.random.default_rng(seed)")
    first_day = as_day("start", start)
    days = as_whole_number("n_days", n_days, low=1)
    acquisition_days = as_whole_number("n_acquisition_days", n_acquisition_days, low=1)
    if acquisition_days > days:
        raise InputError("n_acquisition_days", f"at most n_days ({days})", acquisition_days)
    if first_day + np.timedelta64(days, "D") > np.datetime64("9999-12-31"):
        raise InputError("n_days", "so small that the log ends before the year 10000", days)
    shapes = {
        "purchase_shape": purchase_shape, "purchase_scale": purchase_scale, "dropout_shape": dropout_shape,
        "dropout_scale": dropout_scale, "spend_shape": spend_shape, "spend_heterogeneity": spend_heterogeneity,
        "spend_scale": spend_scale,
    }  # fmt: skip
    r, alpha, s, beta, p, q, gamma = (as_positive(name, value) for name, value in shapes.items())
    most = f"such that the log has at most {_MOST_ORDERS:,} orders"
    more = {"n_customers": 1.0, "purchase_shape": r / _SHAPE, "purchase_scale": _SCALE / alpha}  # than by default
    blamed = max(more, key=more.__getitem__)
    if n * (1.0 + r / alpha * _mean_stay(s, beta, days, acquisition_days)) > _MOST_ORDERS:
        raise InputError(blamed, f"{most} on average", {"n_customers": n, **shapes}[blamed])

    acquired = rng.integers(0, acquisition_days, n)
    observed = days - 1.0 - acquired
    lifetime = rng.exponential(1.0, n) * beta / np.maximum(rng.gamma(s, 1.0, n), _LOWEST_RATE)
    expected = rng.gamma(r, 1.0, n) / alpha * np.minimum(lifetime, observed)
    if n + expected.sum() > _MOST_ORDERS:
        raise InputError(blamed, most, {"n_customers": n, **shapes}[blamed])
    n_repeat = rng.poisson(expected)
    mean_spend_rate = np.maximum(rng.gamma(q, 1.0, n) / gamma, _LOWEST_RATE)

    n_orders = n_repeat + 1
    owner = np.repeat(np.arange(n), n_orders)
    is_first = np.zeros(len(owner), dtype=bool)
    is_first[np.cumsum(n_orders) - n_orders] = True
    time = rng.random(len(owner)) * np.minimum(lifetime, observed)[owner]
    time[is_first] = 0.0
    day = acquired[owner] + np.ceil(time).astype(np.int64)
    amount = np.clip(np.round(rng.gamma(p, 1.0, len(owner)) / mean_spend_rate[owner], 2), 0.01, 1e12)
    order = np.lexsort((day, owner))
    return Transactions(
        customer=owner[order] + 1, date=first_day + day[order].astype("timedelta64[D]"), amount=amount[order]
    )


def _mean_stay(s: float, beta: float, n_days: int, n_acquisition_days: int) -> float:
    """Mean days that a customer stays while observed, over the days of acquisition: at least, and nearly exactly.

    A customer who is observed for t days stays for the integral of (beta / (beta + u))^s over u from 0 to t, which
    bends down in t: the mean over a few intervals of days of acquisition, each at its ends, lies below.
    """
    from scipy.special import exprel

    seen = n_days - 1.0 - np.linspace(0.0, n_acquisition_days - 1.0, min(n_acquisition_days, _MOST_POINTS))
    growth = np.log1p(seen / beta)
    stay = beta * growth * exprel((1.0 - s) * growth)
    return float(stay.mean() if n_acquisition_days <= _MOST_POINTS else np.trapezoid(stay) / (_MOST_POINTS - 1))
