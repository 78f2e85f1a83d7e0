"""What each customer brings after the cost of serving and winning them; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_floats, require, require_same_index
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import money
from crmvalue._core.per_customer import PerCustomer, Rows, as_per_customer, as_segments, per_customer_field
from crmvalue._core.values import Given, array_field, hand_over, number_column, read_only, require_columns, stay_frozen
from crmvalue._ltv.checks import require_not_negative
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = ["CustomerProfits", "customer_profits", "service_cost"]

_REASONS = {
    1: "they bring nothing",
    2: "their purchases leave no margin",
    3: "serving them costs more than they bring",
    4: "serving them costs all that they bring",
    5: "they do not earn back what it cost to win them",
    6: "they earn back just what it cost to win them",
}
_MINUTES = 60.0
_LARGEST = 1e150  # of an amount, so that what a share divides stays a float
_ROUNDING = 1e-9  # of the larger amount: less is what binary arithmetic leaves of nothing


def service_cost(n_contacts: ArrayLike, minutes: ArrayLike, hourly_rate: ArrayLike) -> FloatOrArray:
    r"""Cost of serving customers, from their contacts.

    Parameters
    ----------
    n_contacts : array_like
        Contacts of each customer in the period, >= 0; a mean need not be whole.
    minutes : array_like
        Working time of one contact [minutes], >= 0.
    hourly_rate : array_like
        Full cost of one hour of work [money/hour], >= 0.

    Returns
    -------
    float or numpy.ndarray
        Cost of serving in the period [money].

    Raises
    ------
    InputError
        If an input is NaN, infinite or below 0, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{contacts} \cdot \frac{\mathrm{minutes}}{60} \cdot \mathrm{rate}

    For several kinds of contact, such as calls and visits, add up the results. Source: the example of formula 7 of the
    articles: twelve contacts a year of two hours each, at 500 an hour.

    Examples
    --------
    >>> print(service_cost(n_contacts=12, minutes=120, hourly_rate=500))
    12000.0
    """
    contacts, time, rate = as_floats(n_contacts=n_contacts, minutes=minutes, hourly_rate=hourly_rate)
    require_not_negative(n_contacts=contacts, minutes=time, hourly_rate=rate)

    cost: FloatOrArray = (contacts * time * rate / _MINUTES)[()]
    return cost


def _identifiers(value: Any) -> npt.NDArray[Any] | None:
    if value is None or isinstance(value, Given):
        return value if value is None else read_only(value)
    distinct, code = encode_customers("customer", value)
    if len(distinct) != len(code):
        raise InputError("customer", "one row a customer", f"{len(distinct)} customers in {len(code)} rows")
    return read_only(hand_over(distinct[code]))


@stay_frozen
@attrs.frozen(kw_only=True)
class CustomerProfits(Columns):
    """What each customer brings, what they cost, and what is left; the rows are in the order given.

    Parameters
    ----------
    customer : ndarray or None
        Identifiers, all different.
    income : ndarray
        Margin that each customer brings, before all costs below [money].
    service_cost : ndarray
        Cost of serving each customer [money].
    acquisition_cost : ndarray
        Cost of winning each customer [money].
    earned : ndarray or None
        Margin that each customer brought before the time of the other columns [money]. It counts against the cost of
        winning them alone.
    margin : float or ndarray
        Share of the revenue that is margin [fraction]: one, or one for each customer.

    Examples
    --------
    >>> profits = CustomerProfits(
    ...     customer=["ann", "bob"], income=[100, 40], service_cost=[10, 60], acquisition_cost=[5, 5], margin=0.5
    ... )
    >>> profits.profit, profits.unprofitable.customer
    (array([ 85., -25.]), array(['bob'], dtype='<U3'))
    """

    customer: npt.NDArray[Any] | None = array_field(_identifiers, default=None)
    income: Floats = number_column("income")
    service_cost: Floats = number_column("service_cost")
    acquisition_cost: Floats = number_column("acquisition_cost")
    earned: Floats | None = number_column("earned", default=None)
    margin: PerCustomer = per_customer_field("margin", "fraction")

    def __attrs_post_init__(self) -> None:
        n = len(self.income)
        require_columns(self, n, ("customer", "service_cost", "acquisition_cost", "earned"), "customers")
        if np.ndim(self.margin) and np.shape(self.margin) != (n,):
            raise InputError("margin", f"one number, or one for each of the {n} customers", np.shape(self.margin))
        for name in ("income", "service_cost", "acquisition_cost"):
            require_not_negative(**{name: getattr(self, name)})
        for name in ("income", "service_cost", "acquisition_cost", "earned"):
            column = getattr(self, name)
            if column is not None:
                require(np.abs(column) <= _LARGEST, name, column, f"of a magnitude up to {_LARGEST:g}")

    def __len__(self) -> int:
        return len(self.income)

    @property
    def profit(self) -> Floats:
        """What is left of each customer [money]: income and what was earned before, less both costs."""
        return self._left(self._before() - self.acquisition_cost)

    @property
    def total(self) -> float:
        """What is left of all customers [money], rounded once, so that the order of the rows does not matter."""
        return math.fsum(self.profit.tolist())

    @property
    def reason(self) -> npt.NDArray[np.str_]:
        """Why a customer is not profitable; an empty text for a customer who is.

        A customer who neither brings nor costs anything is not listed.
        """
        words: npt.NDArray[np.str_] = np.array(["", *_REASONS.values()])[self._reason()]
        return words

    @property
    def loss(self) -> Floats:
        """What a customer with a reason costs more than they bring [money], 0 for the others.

        What was earned before does not make up for serving at a loss.
        """
        loss = np.maximum(np.maximum(-self._left(0.0), -self.profit), 0.0)
        return np.where(self._reason() > 0, loss, 0.0)

    @property
    @np.errstate(under="ignore")
    def break_even_revenue(self) -> Floats:
        """Revenue from which on a customer leaves something [money]; infinite where they leave no margin."""
        due = np.maximum(self.acquisition_cost - self._before(), 0.0) + self.service_cost
        share = np.broadcast_to(np.asarray(self.margin, dtype=np.float64), due.shape)
        return np.divide(due, share, out=np.where(due > 0, np.inf, 0.0), where=share > 0)

    @property
    def break_even_service_cost(self) -> Floats:
        """Cost of serving up to which a customer leaves something [money]; 0 if there is none."""
        return np.maximum(self.income - np.maximum(self.acquisition_cost - self._before(), 0.0), 0.0)

    @property
    def unprofitable(self) -> CustomerProfits:
        """The customers with a reason, the largest loss first."""
        place = np.nonzero(self._reason())[0]
        return self._rows(place[np.argsort(-self.loss[place], kind="stable")])

    @property
    def conclusion(self) -> str:
        """How many customers leave nothing, and what they cost together."""
        few = self.unprofitable
        if not len(few):
            every = "The only customer leaves" if len(self) == 1 else f"All {len(self):,} customers leave"
            return f"{every} something or {'costs' if len(self) == 1 else 'cost'} nothing."
        loss = money(math.fsum(few.loss.tolist()))
        who = "The only customer" if len(self) == 1 else f"{len(few):,} of {len(self):,} customers"
        more = "they cost all that they bring" if loss == "0.00" else f"they cost {loss} more than they bring"
        text = f"{who} {'leaves' if len(few) == 1 else 'leave'} nothing: {more}."
        total = money(self.total)
        together = f"cost {total[1:]} more than they bring" if total.startswith("-") else f"leave {total}"
        return text if len(self) == 1 else f"{text} All customers together {together}."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, with profit, reason and break-even, for a dataframe of any kind."""
        names = ("customer", "income", "earned", "service_cost", "acquisition_cost", "profit", "reason")
        columns = {name: getattr(self, name) for name in (*names, "break_even_revenue", "break_even_service_cost")}
        return {name: column for name, column in columns.items() if column is not None}

    def to_json(self) -> str:
        """Write the columns as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> CustomerProfits:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)

    def _reason(self) -> Integers:
        """Give the number of the reason of each customer, 0 for none."""
        after, whole = self._left(0.0), self.profit
        kinds = np.select(
            [
                (self.income == 0) & (np.broadcast_to(self.margin, self.income.shape) == 0) & (whole <= 0),
                (self.income == 0) & (whole <= 0),
                after < 0,
                (after == 0) & (self.service_cost > 0) & (whole <= 0),
                whole < 0,
                whole == 0,
            ],
            [2, 1, 3, 4, 5, 6],
            0,
        )
        kinds[(self.service_cost == 0) & (self.acquisition_cost == 0)] = 0
        return kinds

    def _before(self) -> Floats:
        return np.zeros(len(self.income)) if self.earned is None else self.earned

    def _left(self, more: Floats | float) -> Floats:
        """Income less the cost of serving, and more; what rounding leaves of nothing is nothing."""
        left = self.income - self.service_cost + more
        size = np.maximum(np.maximum(self.income, self.service_cost), np.abs(more))
        return np.where(np.abs(left) <= _ROUNDING * size, 0.0, left)

    def _rows(self, place: npt.NDArray[Any]) -> CustomerProfits:
        names = ("customer", "income", "service_cost", "acquisition_cost", "earned")
        columns = {name: getattr(self, name) for name in names}
        parts = {name: hand_over(column[place]) for name, column in columns.items() if column is not None}
        margin = self.margin[place] if isinstance(self.margin, np.ndarray) else self.margin
        return attrs.evolve(self, **parts, margin=margin)


def customer_profits(
    revenue: ArrayLike,
    *,
    margin: ArrayLike | Mapping[Any, float],
    service_cost: ArrayLike | Mapping[Any, float] = 0.0,
    acquisition_cost: ArrayLike | Mapping[Any, float] = 0.0,
    segment: ArrayLike | None = None,
    customer: ArrayLike | None = None,
) -> CustomerProfits:
    r"""Find what each customer brings after the cost of serving and winning them, and who brings nothing.

    Basis: margin net of service and acquisition cost. All amounts cover the same time.

    Parameters
    ----------
    revenue : array_like
        Revenue of each customer [money], >= 0, shape (n,): of a year, or of their whole life.
    margin : float, mapping or array_like
        Share of revenue that is margin [fraction], in [0, 1]. This and the costs may be one number for all, a mapping
        from segment to number, or a column with one for each customer. A column of pandas with the index of `revenue`
        is in its order; one whose index holds identifiers is brought into the order of `customer`. The same labels as
        those of `revenue` in another order are refused. Take 1 for a revenue of which no goods are paid.
    service_cost, acquisition_cost : float, mapping or array_like, default 0
        Cost of serving and of winning each customer [money], >= 0; see :func:`service_cost` of this module.
    segment : array_like, optional
        Segment of each customer, shape (n,), for the mappings; matched as a column of the margin.
    customer : array_like, optional
        Identifier of each customer, all different, shape (n,).

    Returns
    -------
    CustomerProfits
        Profit of each customer; `unprofitable` lists those who leave nothing, with reason and break-even.

    Raises
    ------
    InputError
        If a number is NaN, infinite or outside its range, a column has another length, or a segment is not in a
        mapping.

    Notes
    -----
    .. math:: \mathrm{profit}_i = m_i \, \mathrm{revenue}_i - \mathrm{service}_i - \mathrm{CAC}_i

    Source: formulas 6 and 7 of the articles. In the example of formula 7 a customer buys six times a year for 2,000.
    Twelve contacts of two hours cost 500 an hour. So they are worth nothing.

    Examples
    --------
    >>> profits = customer_profits([12_000, 9_000], margin=1, service_cost=[12_000, 500], customer=["ann", "bob"])
    >>> profits.profit
    array([   0., 8500.])
    >>> profits.unprofitable.customer.tolist(), profits.unprofitable.reason.tolist()
    (['ann'], ['serving them costs all that they bring'])
    """
    require_same_index(revenue=revenue, customer=customer)
    amounts = as_column("revenue", revenue)
    require_not_negative(revenue=amounts)
    n = len(amounts)
    require(n > 0, "revenue", n, "of at least one customer")
    ids = _identifiers(customer)
    if ids is not None and len(ids) != n:
        raise InputError("customer", f"one for each of the {n} customers", len(ids))
    rows = Rows.of(ids, revenue=revenue, customer=customer)
    segments = as_segments(segment, n, rows=rows)
    share = as_per_customer("margin", margin, n, kind="fraction", segments=segments, rows=rows)
    serving, winning = (
        np.broadcast_to(as_per_customer(name, value, n, kind="amount", segments=segments, rows=rows), (n,)).copy()
        for name, value in (("service_cost", service_cost), ("acquisition_cost", acquisition_cost))
    )
    return CustomerProfits(
        customer=None if ids is None else hand_over(ids),
        income=hand_over(share * amounts),
        service_cost=hand_over(serving),
        acquisition_cost=hand_over(winning),
        margin=share,
    )
