"""Which steps of a cascade are worth their benefit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_floats, require, require_same_index
from crmvalue._core.encoding.indexes import column_labels, index_of, part_of
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import hand_over, number_table, stay_frozen
from crmvalue._journeys.pictures import last_step_parts, steps_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = [
    "LastStep",
    "StepsThatPay",
    "best_last_step",
    "break_even_benefit",
    "steps_that_pay",
]

_MOST_CELLS = 20_000_000  # customers times steps; a table of them takes 160 MB


def break_even_benefit(
    value: ArrayLike, prob_return_with: ArrayLike, prob_return_without: ArrayLike, contact_cost: ArrayLike = 0.0
) -> FloatOrArray:
    r"""Largest benefit with which an offer still pays.

    Basis: `value` is margin, before the benefit and the contact.

    Parameters
    ----------
    value : array_like
        Value of a customer if they return, less their value if they stay silent [money], >= 0.
    prob_return_with : array_like
        Probability of return with the offer, in [0, 1].
    prob_return_without : array_like
        Probability of return over the same time without the offer, in [0, 1].
    contact_cost : array_like, optional
        Cost of making the offer [money], >= 0; paid whether or not the customer returns.

    Returns
    -------
    float or ndarray
        Benefit [money], in the broadcast shape. Negative where the offer loses money even without a benefit. Where
        nobody returns with the offer, no benefit is ever paid: minus infinity if the offer loses money, else the value.

    Raises
    ------
    InputError
        If an argument is out of its range or not finite, or the shapes do not broadcast.

    Notes
    -----
    Let :math:`V` be the value, :math:`c` the cost of the contact, and :math:`p_1`, :math:`p_0` the probabilities of
    return with and without the offer. With the offer the company expects :math:`p_1 (V - b) - c`, because only a
    customer who returns uses the benefit :math:`b`. Without the offer it expects :math:`p_0 V`. At the break-even
    benefit the difference is 0:

    .. math:: (p_1 - p_0) V - p_1 b - c = 0 \quad \Rightarrow \quad b = \frac{(p_1 - p_0) V - c}{p_1}

    The share :math:`p_0 / p_1` of the returning customers would have returned anyway, and gets the benefit too. So the
    break-even benefit stays below the value even where contacts are free. The probability :math:`p_1` holds for one
    offer with one benefit. If a larger benefit brings more customers back, compare the offers with
    :func:`steps_that_pay`.

    Examples
    --------
    >>> round(float(break_even_benefit(200, prob_return_with=0.08, prob_return_without=0.05, contact_cost=0.4)), 2)
    70.0
    """
    worth, with_offer, without, cost = as_floats(
        value=value,
        prob_return_with=prob_return_with,
        prob_return_without=prob_return_without,
        contact_cost=contact_cost,
    )
    _require_ranges(worth, with_offer, without, cost)

    returns = with_offer > 0
    per_return = ((with_offer - without) * worth - cost) / np.where(returns, with_offer, 1.0)
    of_nobody = np.where(without * worth + cost > 0, -np.inf, worth)
    benefit: FloatOrArray = np.where(returns, per_return, of_nobody)[()]
    return benefit


@stay_frozen
@attrs.frozen(kw_only=True)
class StepsThatPay(Pictured):
    """For each customer, which steps of a cascade pay if each step is judged alone.

    Parameters
    ----------
    gain : ndarray
        Expected gain of each offer over no offer [money]: the shape of the values, followed by the number of steps.

    Examples
    --------
    >>> StepsThatPay(gain=[[1.5, -0.5], [0.0, 2.0]]).n_by_step
    array([1, 1])
    """

    gain: Floats = number_table("gain", None)

    def _parts(self) -> Parts:
        return steps_parts(self.gain, self.n_by_step)

    @property
    def pays(self) -> npt.NDArray[np.bool_]:
        """Whether each gain is above 0."""
        return self.gain > 0

    @property
    def n_by_step(self) -> Integers:
        """Number of customers for whom each step pays."""
        counts: Integers = np.asarray(np.count_nonzero(self.pays, axis=tuple(range(self.gain.ndim - 1))))
        return counts

    def to_json(self) -> str:
        """Write the gains as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> StepsThatPay:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def steps_that_pay(
    value: ArrayLike,
    prob_return_with: ArrayLike,
    prob_return_without: ArrayLike,
    benefit: ArrayLike,
    contact_cost: ArrayLike = 0.0,
) -> StepsThatPay:
    r"""Compute the expected gain of each step of a cascade for each customer, each step judged alone.

    Basis: margin, net of the benefit and the contact.

    Parameters
    ----------
    value : array_like
        Value of a customer who returns, less the value of the same customer who stays silent [money], >= 0: one number,
        or one for each customer, shape (n,). Customers times steps: at most 20,000,000.
    prob_return_with, prob_return_without : array_like
        Probability that a customer who has been silent until the step returns before the next one, with and without the
        offer of the step, in [0, 1]: shape (k,) for k steps, or (n, k).
    benefit : array_like
        Cost of the benefit if the customer returns [money], >= 0; one number, shape (k,) or (n, k). A column with an
        index of the names of the steps is matched by name.
    contact_cost : array_like, optional
        Cost of making the offer [money], >= 0; in the same shapes as `benefit`.

    Returns
    -------
    StepsThatPay
        Gains, and whether each is above 0, shape (n, k).

    Raises
    ------
    InputError
        If an argument is out of its range or not finite, the shapes do not broadcast, or there are too many customers
        and steps.

    Notes
    -----
    The gain is :math:`(p_1 - p_0) V - p_1 b - c`, as derived in :func:`break_even_benefit`. It ignores later steps;
    :func:`best_last_step` takes them into account.

    Examples
    --------
    >>> found = steps_that_pay([50, 400], [0.10, 0.07, 0.04], [0.07, 0.05, 0.03], [10, 20, 30], contact_cost=0.1)
    >>> found.pays
    array([[ True, False, False],
           [ True,  True,  True]])
    """
    worth, with_offer, without, given_away, cost = _step_inputs(
        value, prob_return_with, prob_return_without, benefit, contact_cost
    )
    return StepsThatPay(gain=hand_over((with_offer - without) * worth - with_offer * given_away - cost))


@stay_frozen
@attrs.frozen(kw_only=True)
class LastStep(Pictured):
    """For each customer, after which step of a cascade to stop.

    Parameters
    ----------
    gain_by_last_step : ndarray
        Expected gain of a cascade that ends after 0, 1, ..., k steps, over no offer [money]: the shape of the values,
        followed by k + 1. The first is 0.

    Examples
    --------
    >>> LastStep(gain_by_last_step=[[0.0, 1.5, 1.2], [0.0, -0.1, -0.3]]).last_step
    array([1, 0])
    """

    gain_by_last_step: Floats = number_table("gain_by_last_step", None)

    def __attrs_post_init__(self) -> None:
        if self.gain_by_last_step.shape[-1:] in {(), (0,)}:
            raise InputError("gain_by_last_step", "of at least one column, for no step", self.gain_by_last_step.shape)

    def _parts(self) -> Parts:
        return last_step_parts(self.gain_by_last_step)

    @property
    def last_step(self) -> Integers:
        """Number of steps with the largest gain, the smallest one in a tie; 0 where no offer should be made."""
        return np.asarray(np.argmax(self.gain_by_last_step, axis=-1), dtype=np.int64)

    @property
    def gain(self) -> Floats:
        """Gain of stopping after the last step [money]."""
        return np.asarray(np.max(self.gain_by_last_step, axis=-1))

    @property
    def n_by_last_step(self) -> Integers:
        """Number of customers for whom the cascade should end after 0, 1, ..., k steps."""
        counts: Integers = np.bincount(self.last_step.ravel(), minlength=self.gain_by_last_step.shape[-1])
        return counts


def best_last_step(
    value: ArrayLike,
    prob_return_with: ArrayLike,
    prob_return_without: ArrayLike,
    benefit: ArrayLike,
    contact_cost: ArrayLike = 0.0,
) -> LastStep:
    r"""Find after which step of a cascade to stop, for each customer.

    Basis: margin, net of benefits and contacts, minus what the customer brings over the same time without offers.

    Parameters
    ----------
    value : array_like
        Value of a customer who returns, less the value of the same customer who stays silent [money], >= 0: one number,
        or one for each customer, shape (n,). Customers times steps: at most 20,000,000.
    prob_return_with, prob_return_without : array_like
        Probability that a customer who has been silent until the step returns before the next one, with and without the
        offer of the step, in [0, 1]: shape (k,) for k steps, or (n, k).
    benefit : array_like
        Cost of the benefit if the customer returns [money], >= 0; one number, shape (k,) or (n, k).
    contact_cost : array_like, optional
        Cost of making the offer [money], >= 0; in the same shapes as `benefit`.

    Returns
    -------
    LastStep
        Gain by last step, and the best last step.

    Raises
    ------
    InputError
        If an argument is out of its range or not finite, the shapes do not broadcast, or there are too many customers
        and steps.

    Notes
    -----
    A step reaches the customers whom no earlier step brought back, the share :math:`R_j = \prod_{i<j} (1 - p_{1i})`.
    Customers who do not return at this step may still return later without an offer, with the probability
    :math:`1 - S_j, \; S_j = \prod_{i>j} (1 - p_{0i})`. The step is therefore worth less than it seems alone:

    .. math::
        & p_{1j} (V - b_j) - c_j + (1 - p_{1j}) (1 - S_j) V - \left[p_{0j} V + (1 - p_{0j}) (1 - S_j) V\right] \\
        & = (p_{1j} - p_{0j}) \, S_j V - p_{1j} b_j - c_j

    A cascade that ends after step L gains the sum of :math:`R_j` times that over :math:`j \le L`. The best L has the
    largest sum, so a step that loses is kept if later steps make up for it. The formula assumes that, given the
    probabilities, returns are independent from step to step, and that an offer has no effect after its step.

    Examples
    --------
    >>> found = best_last_step([50, 400], [0.10, 0.07, 0.04], [0.07, 0.05, 0.03], [10, 20, 30], contact_cost=0.1)
    >>> found.last_step, found.gain.round(2)
    (array([1, 3]), array([ 0.28, 17.85]))
    """
    worth, with_offer, without, given_away, cost = _step_inputs(
        value, prob_return_with, prob_return_without, benefit, contact_cost
    )
    ones = np.ones((*with_offer.shape[:-1], 1))
    reached = np.concatenate((ones, np.cumprod(1 - with_offer, axis=-1)[..., :-1]), axis=-1)
    later = np.cumprod((1 - without)[..., :0:-1], axis=-1)[..., ::-1]  # of the steps after each but the last
    silent = np.concatenate((later, ones), axis=-1)
    step = (with_offer - without) * silent * worth - with_offer * given_away - cost
    return LastStep(
        gain_by_last_step=hand_over(np.concatenate((0 * ones, np.cumsum(reached * step, axis=-1)), axis=-1))
    )


def _require_ranges(value: Floats, with_offer: Floats, without: Floats, cost: Floats) -> None:
    require(value >= 0, "value", value, ">= 0")
    for name, prob in (("prob_return_with", with_offer), ("prob_return_without", without)):
        require((prob >= 0) & (prob <= 1), name, prob, "in [0, 1]", hint="a fraction, not percent")
    require(cost >= 0, "contact_cost", cost, ">= 0")


def _by_step(given: dict[str, ArrayLike]) -> dict[str, ArrayLike]:
    """Bring columns with an index of steps into the order of the columns of the tables, or of the first such column."""
    named: dict[str, dict[Any, Any]] = {}
    for name, column in given.items():
        index = index_of(column) if part_of(column, "ndim", 0) == 1 else None
        if index is not None and not any(map(np.ndim, column)):  # elements that are lists are rows of customers
            named[name] = dict(zip(index, column, strict=True))
            if len(named[name]) != len(index):
                raise InputError(name, "with different labels in its index", list(index[:3]))
    tables = [labels for table in given.values() if (labels := column_labels(table))]
    orders = tables + [list(own) for own in named.values()]
    for name, own in named.items():
        if set(own) != set(orders[0]):
            hint = "label it by the steps, or give plain arrays"
            raise InputError(name, f"of the steps {', '.join(map(str, orders[0]))}", list(own)[:3], hint=hint)
    return given | {name: [own[step] for step in orders[0]] for name, own in named.items()}


def _step_inputs(
    value: ArrayLike, with_offer: ArrayLike, without: ArrayLike, benefit: ArrayLike, cost: ArrayLike
) -> tuple[Floats, ...]:
    """Check the columns of customers and steps; give the value an axis of steps and the others their full shape."""
    given = {"prob_return_with": with_offer, "prob_return_without": without, "benefit": benefit, "contact_cost": cost}
    # A column among them has an element for each step, not for each customer.
    tables = {name: table for name, table in given.items() if part_of(table, "ndim", 0) == 2}
    require_same_index(value=value, **tables)
    (worth,) = as_floats(value=value)
    arrays = as_floats(**_by_step(given))
    p1, p0, given_away, spent = arrays
    steps = np.broadcast_shapes(*(array.shape for array in arrays))
    if not steps:
        raise InputError("prob_return_with", "one for each step", p1[()])
    try:
        shape = np.broadcast_shapes((*worth.shape, 1), steps)
    except ValueError as error:
        raise InputError("value", f"one, or one for each customer of the others {steps}", worth.shape) from error
    if math.prod(shape) > _MOST_CELLS:
        rule = f"at most {_MOST_CELLS // shape[-1]:,} customers with {shape[-1]:,} steps each"
        raise InputError("value", rule, worth.shape, hint="take the customers in parts")
    _require_ranges(worth, p1, p0, spent)
    require(given_away >= 0, "benefit", given_away, ">= 0")
    return worth[..., np.newaxis], *(np.broadcast_to(array, shape) for array in arrays)
