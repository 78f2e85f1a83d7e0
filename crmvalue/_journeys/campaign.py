"""The effect of a campaign: groups that chance made, and groups that somebody chose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from crmvalue._core.checks import (
    RESIDUE,
    as_amounts,
    as_flag,
    as_floats,
    as_fraction,
    as_positive,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
)
from crmvalue._core.comparisons import (
    cut_back,
    errors_of_means,
    few_expected,
    half_width,
    newcombe,
    p_text,
    rates_p,
    rounding_part,
)
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import in_percent, money, on_its_side, percents, points, span
from crmvalue._core.values import checked_field, choice_field, count_field, interval_field, number_field, require_inside
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Floats, Integers

    Assignment = Literal["random", "observed"]

__all__ = ["CampaignEffect", "campaign_effect"]

_ALIKE = 0.1
"""Standardised difference up to which groups count as alike (Austin 2009)."""

_TOO_UNLIKE = 1.0
"""Standardised difference beyond which few of one group are like the other: no straight line corrects for it."""

_FEWEST = 10
"""Customers in the smaller group below which nothing is said about balance, nor from customers who do not differ."""

_ROUNDING = 1e-9
_NO_ROOM = 1e-9  # leverage so near to 1 is that of a customer whom a line goes through: nothing is left over
_LARGEST = 1e250  # of a difference for each customer, which is multiplied by their number
_SUSPECT = 0.999
"""Level of the interval that a fair draw leaves out once in a thousand campaigns."""


@attrs.frozen(kw_only=True)
class CampaignEffect:
    """Comparison of treated customers with a control group.

    Parameters
    ----------
    assignment : {"random", "observed"}
        Whether chance chose the groups.
    n_treated, n_control : int
        Customers in each group.
    n_treated_responded, n_control_responded : int
        Customers who responded in each group.
    level : float
        Confidence level of the intervals.
    response_interval : Interval
        Newcombe's interval for the difference of the response rates, treated minus control.
    revenue_difference : float or None
        Revenue per customer, treated minus control [money]. Without revenue, this and the money below are None.
    revenue_interval : Interval or None
        Interval for that difference: the wider of Welch's and Student's.
    net_difference : float or None
        Margin per customer less benefits and contacts, treated minus control [money].
    net_interval : Interval or None
        Interval for that difference, by the same rule.
    before_difference, before_interval : float, Interval or None
        Outcome per customer in the period before, treated minus control [money], and its interval. Without the
        period before, this and the other figures of it are None.
    balance : float or None
        The same difference in standard deviations, as a check of balance; groups alike have 0.1 or less. Outsize
        amounts, up to one in fifty, beside which all others are alike, are cut back where this makes it larger. Groups
        of fewer than 10 customers do not show whether they were alike.
    suspect : bool
        Whether the groups differed before by more than a fair draw does once in a thousand times.
    did_difference, did_interval : float, Interval or None
        Difference in differences: how much more the revenue of the treated rose since the period before [money].
    adjusted_difference, adjusted_interval : float, Interval or None
        Difference of revenue between customers with the same outcome in the period before [money].
    too_few : bool
        Whether Welch's interval of the net difference leaves 0 out, and `net_interval`, which allows for groups that
        vary alike, does not. Then a group is too small to show how its money varies, and `conclusion` says so.

    Examples
    --------
    >>> effect = campaign_effect(80, 56, 80, 48, assignment="random")
    >>> round(effect.response_difference, 3), round(effect.incremental_responses, 1)
    (0.1, 8.0)
    """

    assignment: Literal["random", "observed"] = choice_field("assignment", ("random", "observed"))
    n_treated: int = count_field("n_treated", low=1)
    n_treated_responded: int = count_field("n_treated_responded")
    n_control: int = count_field("n_control", low=1)
    n_control_responded: int = count_field("n_control_responded")
    level: float = checked_field("level", as_fraction)
    response_interval: Interval = interval_field("response_interval")
    revenue_difference: float | None = number_field("revenue_difference", low=-_LARGEST, high=_LARGEST, default=None)
    revenue_interval: Interval | None = interval_field("revenue_interval", optional=True, default=None)
    net_difference: float | None = number_field("net_difference", low=-_LARGEST, high=_LARGEST, default=None)
    net_interval: Interval | None = interval_field("net_interval", optional=True, default=None)
    before_difference: float | None = number_field("before_difference", default=None)
    before_interval: Interval | None = interval_field("before_interval", optional=True, default=None)
    balance: float | None = number_field("balance", infinite=True, default=None)
    suspect: bool = checked_field("suspect", as_flag, default=False)
    did_difference: float | None = number_field("did_difference", default=None)
    did_interval: Interval | None = interval_field("did_interval", optional=True, default=None)
    adjusted_difference: float | None = number_field("adjusted_difference", default=None)
    adjusted_interval: Interval | None = interval_field("adjusted_interval", optional=True, default=None)
    too_few: bool = checked_field("too_few", as_flag, default=False)

    def __attrs_post_init__(self) -> None:
        for group in ("treated", "control"):
            name = f"n_{group}_responded"
            as_whole_number(name, getattr(self, name), low=0, high=getattr(self, f"n_{group}"))
        low, high = map(float, self.response_interval)
        if low < -1 - _ROUNDING or high > 1 + _ROUNDING:
            raise InputError("response_interval", "within -1 and 1", self.response_interval)
        require_inside("response_interval", self.response_interval, self.response_difference)
        for name in ("revenue", "net", "before", "did", "adjusted"):
            given, interval = getattr(self, f"{name}_difference"), getattr(self, f"{name}_interval")
            if (given is None) != (interval is None):
                raise InputError(f"{name}_difference", f"given if and only if `{name}_interval` is", given)
            if interval is not None:
                require_inside(f"{name}_interval", interval, given)

    @property
    def shows_causes(self) -> bool:
        """Whether differences may be taken for effects: chance chose the groups, and they were alike before."""
        return self.assignment == "random" and not self.suspect

    @property
    def response_difference(self) -> float:
        """Response rate of the treated minus that of the control group."""
        return self.n_treated_responded / self.n_treated - self.n_control_responded / self.n_control

    @property
    def response_p_value(self) -> float:
        """Two-sided p-value of equal response rates: the test of :func:`crmvalue.experiments.compare_proportions`."""
        return float(rates_p(*self._counts)[0])

    @property
    def test_agrees(self) -> bool:
        """Whether test and interval of the response say the same: a difference is shown, or 0 is in the interval."""
        low, high = self.response_interval
        return (self.response_p_value < 1 - self.level) == bool(low > 0 or high < 0)

    @property
    def incremental_responses(self) -> float | None:
        """Responses of the treated that would not have come without the campaign; None where chance did not choose."""
        return self.n_treated * self.response_difference if self.shows_causes else None

    @property
    def incremental_revenue(self) -> float | None:
        """Revenue of all treated that would not have come without it [money]; None where chance did not choose."""
        known = self.shows_causes and self.revenue_difference is not None
        return self.n_treated * self.revenue_difference if known and self.revenue_difference is not None else None

    @property
    def net_gain(self) -> float | None:
        """Incremental margin of all treated, less benefits and contacts [money]; None where chance did not choose."""
        known = self.shows_causes and self.net_difference is not None
        return self.n_treated * self.net_difference if known and self.net_difference is not None else None

    @property
    def conclusion(self) -> str:
        """What may be concluded: effects where chance chose the groups, and differences where it did not."""
        treated, control = self.n_treated_responded / self.n_treated, self.n_control_responded / self.n_control
        low, high = self.response_interval
        text = (
            f"Response {' against '.join(percents(treated, control))}, {points(self.response_difference)} points "
            f"({in_percent(self.level)} % interval {span(low, high, points)})"
        )
        if not self.shows_causes:
            return f"{text}. {self._about_groups()}"
        text = f"{text}, {self._about_response()}"
        if self.net_difference is None or self.net_interval is None:
            return text
        shown = _direction(self.net_interval, self.n_treated, self.n_control)
        said = {1: "it pays", -1: "it loses money", 0: "whether it pays is not shown"}[shown]
        varies = self.net_interval.low != self.net_interval.high or abs(self.net_difference) <= RESIDUE
        if self.too_few or not (shown or varies):
            said = "a group is too small to show how its money varies, so whether it pays is not shown"
        net = _with_range(self.net_difference, self.net_interval)
        return f"{text} Net of its costs a contact brings {net}: {said}."

    @property
    def _counts(self) -> tuple[Integers, Integers, Integers, Integers]:
        x1, n1, x0, n0 = np.array(
            [[self.n_treated_responded], [self.n_treated], [self.n_control_responded], [self.n_control]], dtype=np.int64
        )
        return x1, n1, x0, n0

    def _about_response(self) -> str:
        """Conclude on the response by the test, and say where the interval alone would say something else."""
        p, shown = self.response_p_value, self.response_p_value < 1 - self.level
        test = "exact test" if few_expected(*self._counts)[0] else "z test"
        way = "raised" if self.response_difference > 0 else "lowered"
        said = f"{p_text(p, 1 - self.level)} ({test}): " + (
            f"the campaign {way} it." if shown else "no effect on it is shown."
        )
        if self.test_agrees:
            return said
        unlike = "includes 0" if shown else "leaves 0 out"
        return f"{said} The test and the interval disagree: the interval {unlike}. The conclusion follows the test."

    def _about_groups(self) -> str:
        """Say what is known of groups that chance did not make alike."""
        if self.suspect and self.assignment == "random":
            text = "The groups differed before the campaign by more than chance explains: check how they were drawn."
        else:
            text = "Chance did not choose who was written to, so the difference is not the effect of the campaign."
        if self.before_difference is None or self.before_interval is None or self.balance is None:
            return f"{text} Give the outcome of the period before to see how alike the groups were."
        alike = "the groups were alike" if abs(self.balance) <= _ALIKE else "the groups were not alike"
        if min(self.n_treated, self.n_control) < _FEWEST:
            alike = f"groups of fewer than {_FEWEST} customers do not show whether they were alike"
        more = "more than" if self.before_difference > 0 else "less than"
        limit = math.copysign(_ALIKE, self.balance)
        deviations = f"{on_its_side(self.balance, limit, 2, '+z')} standard deviations"
        if self.balance * self.before_difference < 0:
            deviations += " where outsize amounts are cut back"
        apart = deviations if math.isfinite(self.balance) else "all of a group alike"
        before = money(abs(self.before_difference), form="z")
        brought = "as much as" if before == "0.00" else f"{before} {more}"
        text = (
            f"{text} In the period before, a treated customer brought {brought} a "
            f"customer of the control group ({apart}): {alike}."
        )
        if self.did_interval is None or self.adjusted_interval is None:
            return text
        ends = (self.did_interval, self.adjusted_interval)
        signs = {_direction(interval, self.n_treated, self.n_control) for interval in ends}
        if signs == {-1, 1}:
            said = (
                "The two figures contradict each other: the groups are too unlike to tell whether a difference remains."
            )
        elif 0 in signs:
            said = "Beyond what the period before explains, no difference is shown."
        elif abs(self.balance) > _TOO_UNLIKE:
            said = "The groups were too far apart before to tell whether a difference remains."
        else:
            said = (
                "A difference remains that the period before does not explain; only a test with groups drawn by chance "
                "can tell whether it comes from the campaign."
            )
        return (
            f"{text} Against the period before, the difference changed by "
            f"{_with_range(self.did_difference, self.did_interval)}. Among customers with the same period before, it "
            f"is {_with_range(self.adjusted_difference, self.adjusted_interval)}. {said}"
        )

    def to_json(self) -> str:
        """Write the comparison as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CampaignEffect:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def campaign_effect(
    n_treated: int,
    n_treated_responded: int,
    n_control: int,
    n_control_responded: int,
    *,
    assignment: Assignment,
    revenue_treated: ArrayLike | None = None,
    revenue_control: ArrayLike | None = None,
    margin: float | None = None,
    benefit: ArrayLike = 0.0,
    contact_cost: float = 0.0,
    before_treated: ArrayLike | None = None,
    before_control: ArrayLike | None = None,
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
    assignment : {"random", "observed"}
        Who chose the groups: "random" if chance alone did, for example ``Policy(control_share=0.1)``; "observed" if
        anything else did, for example a list of the best customers, or the customers themselves.
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
    before_treated, before_control : array_like, optional
        Revenue of each customer in a period before the campaign [money], such as the same number of weeks, in the order
        of the revenue, shapes (n_treated,) and (n_control,), at least two each. Give both or neither.
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
        revenue or the period before is given for one group only, or revenue is given without `margin`.

    Notes
    -----
    Response rates: Newcombe's hybrid score interval [1]_, from Wilson's intervals :math:`(l_1, u_1)` and
    :math:`(l_0, u_0)` of each group,

    .. math:: \left[d - \sqrt{(p_1 - l_1)^2 + (u_0 - p_0)^2}, \; d + \sqrt{(u_1 - p_1)^2 + (p_0 - l_0)^2}\right],
        \quad d = p_1 - p_0

    Whether an effect on the response is shown is decided by the test of
    :func:`crmvalue.experiments.compare_proportions`: the z test, or Fisher's exact test where a cell expects fewer than
    5. Test and interval may disagree in border cases; the conclusion then says so, and follows the test.

    Money follows the package's one rule of evidence for means (:func:`crmvalue.experiments.compare_means`): the wider
    of two intervals. One is Welch's [2]_ for the difference of two means with unequal variances :math:`s_1^2, s_0^2`,

    .. math:: \bar{x}_1 - \bar{x}_0 \pm t_\nu \sqrt{v_1 + v_0}, \quad v_i = s_i^2 / n_i, \quad
        \nu = (v_1 + v_0)^2 / \left(\frac{v_1^2}{n_1 - 1} + \frac{v_0^2}{n_0 - 1}\right)

    and the other one is Student's, with the variance of both groups together. It is made once for revenue and once for
    :math:`m \cdot \mathrm{revenue} - \mathrm{benefit} - \mathrm{contact\ cost}`. Where all customers of both groups
    brought the same, the interval has no width; with fewer than 10 customers in a group the conclusion does not build
    on it.

    Spend is skewed. Beside 10,000 customers, 600 mostly miss the few large amounts, and Welch's interval alone leaves 0
    out in 12 to 16 of 100 campaigns without effect (lognormal amounts with sigma 1.5; 80 or 95 % bring nothing), both
    together in fewer than one. The price: a loss that halves the amounts is shown in 53 of 100 campaigns instead of 88
    where 80 % bring nothing. A group whose money is all equal, such as a few customers without an order, gets the
    spread of the other group. `too_few` says where Welch's interval alone leaves 0 out.

    The differences are effects of the campaign only if chance alone chose the control group. For observed groups the
    conclusion never names an effect, and the totals that would not have come without the campaign are None. What the
    period before explains is then shown in three ways:

    - the balance: the difference before, divided by :math:`\sqrt{(s_1^2 + s_0^2) / 2}` [3]_, as it is or with
      outsize amounts cut back to the largest other one, whichever is larger: those that lie four times as far from the
      median as all but a fiftieth of the customers and make 8/9 of the squares around it; nothing is said about groups
      of fewer than 10 customers,
    - difference in differences: the same rule for revenue less the period before,
    - adjustment: the coefficient of the treatment in a regression of revenue on treatment and period before, with the
      larger of the standard error HC3 [4]_ and that for customers who all vary alike; a customer whom the line goes
      through has no part in HC3. Without a spread of the period before inside the groups, or with one in the last
      digits of the amounts alone, nothing can be adjusted for, and it is the plain difference.

    They correct for the period before and for nothing else, and by a straight line. Where the best customers were
    chosen, few of one group are like the other, and the line is wrong beyond them: for groups that were more than one
    standard deviation apart, the conclusion does not say that a difference remains. If groups said to be random
    differ before with p < 0.001, the conclusion asks for a check of the draw and names no effect.

    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in
       Medicine 17, 873-890, method 10.
    .. [2] Welch, B. L. (1947). The generalization of Student's problem. Biometrika 34, 28-35.
    .. [3] Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates between
       treatment groups in propensity-score matched samples. Statistics in Medicine 28, 3083-3107.
    .. [4] MacKinnon, J. G. and White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with
       improved finite sample properties. Journal of Econometrics 29, 305-325.

    Examples
    --------
    >>> effect = campaign_effect(70, 56, 80, 48, assignment="random")
    >>> print(effect.conclusion)
    Response 80.0% against 60.0%, +20.0 points (95 % interval +5.2 to +33.4), p 0.008 (z test): the campaign raised it.
    >>> campaign_effect(70, 56, 80, 48, assignment="observed").shows_causes
    False
    """
    require_same_index(revenue_treated=revenue_treated, before_treated=before_treated, benefit=benefit)
    require_same_index(revenue_control=revenue_control, before_control=before_control)
    require_choice("assignment", assignment, ("random", "observed"))
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
    counts: dict[str, Any] = {
        "n_treated": n1, "n_treated_responded": x1, "n_control": n0, "n_control_responded": x0,
    }  # fmt: skip
    past = _before(before_treated, before_control, n1, n0)
    found = CampaignEffect(assignment=assignment, level=level, response_interval=responses, **counts)
    if past is not None:
        found = attrs.evolve(found, **_balance(*past, level))
    if revenue_treated is None and revenue_control is None:
        if share is not None or spent or given_away.any():
            raise InputError("revenue_treated", "given where there is a margin or a cost", None)
        return found
    treated = _revenue("revenue_treated", revenue_treated, n1)
    control = _revenue("revenue_control", revenue_control, n0)
    if share is None:
        raise InputError("margin", "given with revenue", None, hint="1 where revenue is already margin")

    revenue_difference, revenue_interval = _mean_difference(treated, control, level)
    net_difference, net_interval = _mean_difference(share * treated - given_away - spent, share * control, level)
    alone = _mean_difference(share * treated - given_away - spent, share * control, level, n_ways=1)[1]
    if past is not None:
        did_difference, did_interval = _mean_difference(treated - past[0], control - past[1], level)
        adjusted_difference, adjusted_interval = _adjusted(treated, control, *past, level)
        found = attrs.evolve(
            found,
            did_difference=did_difference,
            did_interval=did_interval,
            adjusted_difference=adjusted_difference,
            adjusted_interval=adjusted_interval,
        )
    return attrs.evolve(
        found,
        revenue_difference=revenue_difference,
        revenue_interval=revenue_interval,
        net_difference=net_difference,
        net_interval=net_interval,
        too_few=_direction(alone, n1, n0) != 0 and _direction(net_interval, n1, n0) == 0,
    )


def _direction(interval: Interval, n_treated: int, n_control: int) -> int:
    """Give the sign of a difference that an interval shows, or 0; a few customers who do not differ show none."""
    low, high = interval
    if max(-low, high) <= RESIDUE:  # what binary arithmetic leaves of nothing
        return 0
    if low == high and min(n_treated, n_control) < _FEWEST:
        return 0
    return int(low > 0) - int(high < 0)


def _benefits(value: ArrayLike, n: int) -> Floats:
    (benefit,) = as_floats(benefit=value)
    require(benefit >= 0, "benefit", benefit, ">= 0")
    if benefit.shape not in ((), (n,)):
        raise InputError("benefit", f"one number, or one for each of the {n} customers", benefit.shape)
    return benefit


def _revenue(name: str, value: ArrayLike | None, n: int) -> Floats:
    if value is None:
        raise InputError(name, "given where that of the other group is", None)
    revenue = as_amounts(name, value)
    if len(revenue) != n or n < 2:
        raise InputError(name, f"one for each of the {n} customers, at least two", len(revenue))
    return revenue


def _mean_difference(treated: Floats, control: Floats, level: float, n_ways: int = 2) -> tuple[float, Interval]:
    """Difference of two means, with the wider of Welch's and Student's interval; with one way, Welch's."""
    difference = _difference(treated, control)
    n1, n0 = len(treated), len(control)
    e1, e0 = math.sqrt(_variance(treated) / n1), math.sqrt(_variance(control) / n0)
    if e1 + e0 == 0:
        return difference, Interval(np.float64(difference), np.float64(difference))
    half = float(half_width(errors_of_means(e1, n1, e0, n0)[:n_ways], level))
    return difference, Interval(np.float64(difference - half), np.float64(difference + half))


def _difference(treated: Floats, control: Floats) -> float:
    """Difference of two means; exactly 0 where it is nothing but rounding."""
    difference = _mean(treated) - _mean(control)
    noise = max(rounding_part(treated), rounding_part(control), 2 * np.finfo(float).eps)
    return difference if abs(difference) > noise * max(np.abs(treated).max(), np.abs(control).max()) else 0.0


def _mean(amounts: Floats) -> float:
    """Mean of a sample, without rounding where all amounts are equal."""
    return float(amounts[0] + (amounts - amounts[0]).mean())


def _variance(amounts: Floats) -> float:
    """Variance of a sample; exactly 0 where the amounts are equal but for rounding."""
    return float(_apart(amounts).var(ddof=1))


def _apart(amounts: Floats) -> Floats:
    """Give what each amount differs by from the mean; exactly 0 where the amounts are equal but for rounding."""
    apart: Floats = amounts - amounts[0]
    if float(np.abs(apart).max()) <= rounding_part(amounts) * float(np.abs(amounts).max()):
        return np.zeros(len(amounts))
    apart -= apart.mean()
    return apart


def _with_range(difference: float | None, interval: Interval) -> str:
    """Write a difference in money and its interval, all with the same decimals."""
    value = math.nan if difference is None else difference
    return f"{money(value, *interval, form='+z')} ({span(*interval, lambda x: money(x, value, *interval, form='+z'))})"


def _before(
    treated: ArrayLike | None, control: ArrayLike | None, n_treated: int, n_control: int
) -> tuple[Floats, Floats] | None:
    if treated is None and control is None:
        return None
    return _revenue("before_treated", treated, n_treated), _revenue("before_control", control, n_control)


def _balance(treated: Floats, control: Floats, level: float) -> dict[str, Any]:
    """Compare the groups in the period before."""
    difference, interval = _mean_difference(treated, control, level)
    cut = np.split(cut_back(np.concatenate([treated, control]), many=True), [len(treated)])
    ways = [_in_deviations(treated, control), _in_deviations(*cut)]
    rare = _mean_difference(treated, control, _SUSPECT)[1]
    return {
        "before_difference": difference,
        "before_interval": interval,
        "balance": max(ways, key=abs),
        "suspect": _direction(rare, len(treated), len(control)) != 0,
    }


def _in_deviations(treated: Floats, control: Floats) -> float:
    """Difference of two means in standard deviations; infinite where all of a group are alike."""
    difference = _difference(treated, control)
    spread = math.sqrt((_variance(treated) + _variance(control)) / 2)
    return difference / spread if spread else math.copysign(math.inf, difference) if difference else 0.0


def _adjusted(
    treated: Floats, control: Floats, before_treated: Floats, before_control: Floats, level: float
) -> tuple[float, Interval]:
    """Difference between customers with the same period before: regression with the larger of two errors.

    HC3 allows for groups that vary in their own way, the usual one is that of customers who all vary alike.
    """
    from scipy import special

    unlike = _apart(treated), _apart(control)
    past = _apart(before_treated), _apart(before_control)
    scale = float(np.linalg.norm(np.concatenate(past)))
    largest = max(float(np.abs(before_treated).max()), float(np.abs(before_control).max()))
    if scale <= np.finfo(float).eps * largest:  # nobody differs from their group before: nothing can be adjusted for
        return _mean_difference(treated, control, level)
    # Frisch and Waugh: all but the difference of the means comes from what customers differ from their own group by
    part, y = np.concatenate(past) / scale, np.concatenate(unlike)
    slope = float(part @ y)
    slope = slope if abs(slope) > 4 * np.finfo(float).eps * float(np.abs(part) @ np.abs(y)) else 0.0
    gap = _difference(before_treated, before_control) / scale
    difference = _mean(treated) - _mean(control) - slope * gap
    residual = y - slope * part
    n1, n0 = len(treated), len(control)
    n = np.repeat([n1, n0], [n1, n0])
    room = 1 - 1 / n - part**2  # what the others leave of each customer; without any, the line goes through the point
    weights = np.repeat([1.0, -1.0], [n1, n0]) / n - gap * part
    pulled = np.divide(residual, room, out=np.zeros(len(y)), where=room > _NO_ROOM)
    own = float(np.linalg.norm(weights * pulled))
    alike = float(np.linalg.norm(residual)) * math.hypot(math.sqrt(1 / n1 + 1 / n0), gap)
    error = max(own, alike / math.sqrt(max(n1 + n0 - 3, 1)))
    half = float(-special.stdtrit(n1 + n0 - 3, (1 - level) / 2)) * error
    return difference, Interval(np.float64(difference - half), np.float64(difference + half))
