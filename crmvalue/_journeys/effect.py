"""The effect of a campaign, and which steps of a cascade are worth their benefit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.checks import as_amounts, as_floats, as_fraction, as_positive, as_whole_number, require
from crmvalue._core.comparisons import newcombe, welch_quantile
from crmvalue._core.values import array_field, hand_over, stay_frozen
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = [
    "CampaignEffect",
    "LastStep",
    "StepsThatPay",
    "best_last_step",
    "break_even_benefit",
    "campaign_effect",
    "steps_that_pay",
]


@attrs.frozen(kw_only=True)
class CampaignEffect:
    """Comparison of treated customers with a control group.

    Parameters
    ----------
    n_treated, n_control : int
        Customers in each group.
    n_treated_responded, n_control_responded : int
        Customers who responded in each group.
    level : float
        Confidence level of the intervals.
    response_interval : Interval
        Newcombe's interval for the difference of the response rates, treated minus control.
    revenue_difference : float or None
        Revenue per customer, treated minus control [money]. Without revenue, this and all fields below are None.
    revenue_interval : Interval or None
        Welch's interval for that difference.
    net_difference : float or None
        Margin per customer less benefits and contacts, treated minus control [money].
    net_interval : Interval or None
        Welch's interval for that difference.

    Examples
    --------
    >>> effect = campaign_effect(80, 56, 80, 48)
    >>> round(effect.response_difference, 3), round(effect.incremental_responses, 1)
    (0.1, 8.0)
    """

    n_treated: int
    n_treated_responded: int
    n_control: int
    n_control_responded: int
    level: float
    response_interval: Interval
    revenue_difference: float | None = None
    revenue_interval: Interval | None = None
    net_difference: float | None = None
    net_interval: Interval | None = None

    @property
    def response_difference(self) -> float:
        """Response rate of the treated minus that of the control group."""
        return self.n_treated_responded / self.n_treated - self.n_control_responded / self.n_control

    @property
    def incremental_responses(self) -> float:
        """Responses of the treated that would not have come without the campaign."""
        return self.n_treated * self.response_difference

    @property
    def incremental_revenue(self) -> float | None:
        """Revenue of all treated customers that would not have come without the campaign [money]."""
        return None if self.revenue_difference is None else self.n_treated * self.revenue_difference

    @property
    def net_gain(self) -> float | None:
        """Incremental margin of all treated customers, less benefits and contacts [money]."""
        return None if self.net_difference is None else self.n_treated * self.net_difference

    @property
    def conclusion(self) -> str:
        """What may be concluded if the control group was drawn at random."""
        treated, control = self.n_treated_responded / self.n_treated, self.n_control_responded / self.n_control
        low, high = self.response_interval
        said = _verdict(low, high, "the campaign raised it", "the campaign lowered it", "no effect on it is shown")
        text = (
            f"Response {treated:.1%} against {control:.1%}, {100 * self.response_difference:+.1f} points "
            f"({100 * self.level:.4g} % interval {100 * low:+.1f} to {100 * high:+.1f}): {said}."
        )
        if self.net_difference is None or self.net_interval is None:
            return text
        low, high = self.net_interval
        said = _verdict(low, high, "it pays", "it loses money", "whether it pays is not shown")
        return (
            f"{text} Net of its costs a contact brings {self.net_difference:+.2f} ({low:+.2f} to {high:+.2f}): {said}."
        )


def campaign_effect(
    n_treated: int,
    n_treated_responded: int,
    n_control: int,
    n_control_responded: int,
    *,
    revenue_treated: ArrayLike | None = None,
    revenue_control: ArrayLike | None = None,
    margin: float | None = None,
    benefit: ArrayLike = 0.0,
    contact_cost: float = 0.0,
    level: float = 0.95,
) -> CampaignEffect:
    r"""Compare customers who were written to with a control group who were not.

    Basis: revenue, and margin net of benefits and contacts, per customer; those without a purchase count with 0.

    Parameters
    ----------
    n_treated, n_control : int
        Customers in each group, >= 1. Count all customers whom chance assigned, including those out of reach.
    n_treated_responded, n_control_responded : int
        Customers who did what the campaign is for.
    revenue_treated, revenue_control : array_like, optional
        Revenue of each customer before benefits [money], shapes (n_treated,) and (n_control,), at least two each;
        returns may make it negative. Give both or neither.
    margin : float, optional
        Share of revenue that remains as margin, in [0, 1]; required with revenue.
    benefit : array_like, optional
        Cost of the benefit for each treated customer [money], >= 0, shape (n_treated,), or one number for all. It is 0
        for a customer who did not use the benefit. Leave it at 0 where the revenue is after the discount.
    contact_cost : float, optional
        Cost of contacting a treated customer [money], >= 0.
    level : float, optional
        Confidence level, in (0, 1).

    Returns
    -------
    CampaignEffect
        Differences with intervals, totals and a conclusion.

    Raises
    ------
    InputError
        If a count, an amount or a level is out of range, a column does not have a row for each customer of its group,
        revenue is given for one group only, or revenue is given without `margin`.

    Notes
    -----
    Response rates: Newcombe's hybrid score interval [1]_, from Wilson's intervals :math:`(l_1, u_1)` and
    :math:`(l_0, u_0)` of each group,

    .. math:: \left[d - \sqrt{(p_1 - l_1)^2 + (u_0 - p_0)^2}, \; d + \sqrt{(u_1 - p_1)^2 + (p_0 - l_0)^2}\right],
        \quad d = p_1 - p_0

    Money: Welch's interval [2]_ for the difference of two means with unequal variances :math:`s_1^2, s_0^2`,

    .. math:: \bar{x}_1 - \bar{x}_0 \pm t_\nu \sqrt{v_1 + v_0}, \quad v_i = s_i^2 / n_i, \quad
        \nu = (v_1 + v_0)^2 \Big/ \left(\frac{v_1^2}{n_1 - 1} + \frac{v_0^2}{n_0 - 1}\right)

    once for revenue and once for :math:`m \cdot \mathrm{revenue} - \mathrm{benefit} - \mathrm{contact\ cost}`. Spend is
    skewed: with fewer than some hundred customers a group, these intervals cover the truth less often than `level`
    says. The differences are effects of the campaign only if chance alone chose the control group.

    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in
       Medicine 17, 873-890, method 10.
    .. [2] Welch, B. L. (1947). The generalization of Student's problem. Biometrika 34, 28-35.

    Examples
    --------
    >>> effect = campaign_effect(70, 56, 80, 48)
    >>> effect.conclusion
    'Response 80.0% against 60.0%, +20.0 points (95 % interval +5.2 to +33.4): the campaign raised it.'
    """
    n1 = as_whole_number("n_treated", n_treated, low=1)
    x1 = as_whole_number("n_treated_responded", n_treated_responded, low=0, high=n1)
    n0 = as_whole_number("n_control", n_control, low=1)
    x0 = as_whole_number("n_control_responded", n_control_responded, low=0, high=n0)
    level = as_fraction("level", level)
    spent = as_positive("contact_cost", contact_cost, zero=True)
    given_away = _benefits(benefit, n1)
    share = None if margin is None else as_fraction("margin", margin, closed=True)
    with_offer, without = (proportion_interval(x, n, level=level) for x, n in ((x1, n1), (x0, n0)))
    responses = newcombe(x1 / n1, with_offer, x0 / n0, without)
    if revenue_treated is None and revenue_control is None:
        if share is not None or spent or given_away.any():
            raise InputError("revenue_treated", "given where there is a margin or a cost", None)
        return CampaignEffect(
            n_treated=n1, n_treated_responded=x1, n_control=n0, n_control_responded=x0, level=level,
            response_interval=responses,
        )  # fmt: skip
    treated = _revenue("revenue_treated", revenue_treated, n1)
    control = _revenue("revenue_control", revenue_control, n0)
    if share is None:
        raise InputError("margin", "given with revenue", None, hint="1 where revenue is already margin")

    revenue_difference, revenue_interval = _mean_difference(treated, control, level)
    net_difference, net_interval = _mean_difference(share * treated - given_away - spent, share * control, level)
    return CampaignEffect(
        n_treated=n1,
        n_treated_responded=x1,
        n_control=n0,
        n_control_responded=x0,
        level=level,
        response_interval=responses,
        revenue_difference=revenue_difference,
        revenue_interval=revenue_interval,
        net_difference=net_difference,
        net_interval=net_interval,
    )


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
        Probability of return with the offer, in (0, 1].
    prob_return_without : array_like
        Probability of return over the same time without the offer, in [0, 1].
    contact_cost : array_like, optional
        Cost of making the offer [money], >= 0; paid whether or not the customer returns.

    Returns
    -------
    float or ndarray
        Benefit [money], in the broadcast shape. Negative where the offer loses money even without a benefit.

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
    require(with_offer > 0, "prob_return_with", with_offer, "> 0")

    benefit: FloatOrArray = (((with_offer - without) * worth - cost) / with_offer)[()]
    return benefit


@stay_frozen
@attrs.frozen(kw_only=True)
class StepsThatPay:
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

    gain: Floats = array_field()

    @property
    def pays(self) -> npt.NDArray[np.bool_]:
        """Whether each gain is above 0."""
        return self.gain > 0

    @property
    def n_by_step(self) -> Integers:
        """Number of customers for whom each step pays."""
        counts: Integers = np.count_nonzero(self.pays.reshape(-1, self.gain.shape[-1]), axis=0)
        return counts


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
        or one for each customer, shape (n,).
    prob_return_with, prob_return_without : array_like
        Probability that a customer who has been silent until the step returns before the next one, with and without the
        offer of the step, in [0, 1]: shape (k,) for k steps, or (n, k).
    benefit : array_like
        Cost of the benefit if the customer returns [money], >= 0; one number, shape (k,) or (n, k).
    contact_cost : array_like, optional
        Cost of making the offer [money], >= 0; in the same shapes as `benefit`.

    Returns
    -------
    StepsThatPay
        Gains, and whether each is above 0, shape (n, k).

    Raises
    ------
    InputError
        If an argument is out of its range or not finite, or the shapes do not broadcast.

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
class LastStep:
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

    gain_by_last_step: Floats = array_field()

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
        or one for each customer, shape (n,).
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
        If an argument is out of its range or not finite, or the shapes do not broadcast.

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


def _verdict(low: FloatOrArray, high: FloatOrArray, above: str, below: str, neither: str) -> str:
    if low > 0:
        return above
    return below if high < 0 else neither


def _benefits(value: ArrayLike, n: int) -> Floats:
    (benefit,) = as_floats(benefit=value)
    require(benefit >= 0, "benefit", benefit, ">= 0")
    if benefit.shape not in ((), (n,)):
        raise InputError("benefit", f"one number, or one for each of the {n} customers", benefit.shape)
    return benefit


def _revenue(name: str, value: ArrayLike | None, n: int) -> Floats:
    if value is None:
        raise InputError(name, "given where the revenue of the other group is", None)
    revenue = as_amounts(name, value)
    if len(revenue) != n or n < 2:
        raise InputError(name, f"one for each of the {n} customers, at least two", len(revenue))
    return revenue


def _mean_difference(treated: Floats, control: Floats, level: float) -> tuple[float, Interval]:
    """Difference of two means, with Welch's interval."""
    difference = float(treated.mean() - control.mean())
    v1, v0 = float(treated.var(ddof=1) / len(treated)), float(control.var(ddof=1) / len(control))
    if v1 + v0 == 0:
        return difference, Interval(np.float64(difference), np.float64(difference))
    half = float(welch_quantile(v1, len(treated), v0, len(control), level)) * math.sqrt(v1 + v0)
    return difference, Interval(np.float64(difference - half), np.float64(difference + half))


def _require_ranges(value: Floats, with_offer: Floats, without: Floats, cost: Floats) -> None:
    require(value >= 0, "value", value, ">= 0")
    for name, prob in (("prob_return_with", with_offer), ("prob_return_without", without)):
        require((prob >= 0) & (prob <= 1), name, prob, "in [0, 1]", hint="a fraction, not percent")
    require(cost >= 0, "contact_cost", cost, ">= 0")


def _step_inputs(
    value: ArrayLike, with_offer: ArrayLike, without: ArrayLike, benefit: ArrayLike, cost: ArrayLike
) -> tuple[Floats, ...]:
    """Check the columns of customers and steps; give the value an axis of steps and the others their full shape."""
    (worth,) = as_floats(value=value)
    arrays = as_floats(prob_return_with=with_offer, prob_return_without=without, benefit=benefit, contact_cost=cost)
    p1, p0, given_away, spent = arrays
    _require_ranges(worth, p1, p0, spent)
    require(given_away >= 0, "benefit", given_away, ">= 0")
    steps = np.broadcast_shapes(*(array.shape for array in arrays))
    if not steps:
        raise InputError("prob_return_with", "one for each step", p1[()])
    try:
        shape = np.broadcast_shapes((*worth.shape, 1), steps)
    except ValueError as error:
        raise InputError("value", f"one, or one for each customer of the others {steps}", worth.shape) from error
    return worth[..., np.newaxis], *(np.broadcast_to(array, shape) for array in arrays)
