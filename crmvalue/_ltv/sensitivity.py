"""Effect of inputs on a value; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import (
    as_floats,
    as_ordered_items,
    is_numeric,
    require,
    require_arguments,
    require_choice,
    require_same_index,
    require_same_labels,
)
from crmvalue._core.encoding.indexes import part_of
from crmvalue._ltv.cash_flows import survivor_annuity
from crmvalue._ltv.checks import as_horizon, require_finite_value, require_fractions, require_not_negative
from crmvalue.errors import ConvergenceError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["ltv_sensitivity", "retention_uplift"]

# Fourth-order differences: offsets in steps, and weights. One-sided ones are for inputs at the edge of their range.
_CENTRAL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
_BACKWARD = ((0, 25 / 12), (-1, -4.0), (-2, 3.0), (-3, -4 / 3), (-4, 1 / 4))
_FORWARD = tuple((-offset, -weight) for offset, weight in _BACKWARD)
_STEPS = tuple(1e-3 * 4.0**-k for k in range(15))
_ACCEPTABLE = 1e-6  # disagreement of two steps, relative to 1 + |elasticity|
_ROUNDING = 1e-12


def ltv_sensitivity(
    function: Callable[..., Any], inputs: Mapping[str, Any], *, vary: Collection[str] | None = None
) -> dict[str, FloatOrArray]:
    r"""Elasticity of a value with respect to each of its inputs.

    Basis: that of `function`. An elasticity of -1 means that one percent more of an input gives one percent less value.

    Parameters
    ----------
    function : callable
        Any formula of this module that returns numbers, or a function of your own.
    inputs : mapping of str to object
        The arguments, by name, at the point of interest. All elements of an array change together.
    vary : collection of str, optional
        Arguments to vary; by default all arguments that are numbers. Leave out whole numbers such as `n_periods`, which
        cannot change a little.

    Returns
    -------
    dict of str to float or numpy.ndarray
        Elasticity for each input varied, of the shape of the value.

    Raises
    ------
    InputError
        If `inputs` is no mapping, `function` does not take these arguments, the value is 0, a name of `vary` is
        unknown, an input cannot change at all, or columns have different indexes.
    ConvergenceError
        If differences over ever smaller steps do not settle; `best` is the best estimate.

    Notes
    -----
    .. math:: \frac{x}{f(x)} \frac{\partial f}{\partial x} = \frac{\partial \ln f}{\partial \ln x}

    It is computed from differences of fourth order in ln x: central ones if the formula allows both sides, one-sided
    ones at the edge of a range. The step shrinks as long as two results agree better. The result is accurate to about
    1e-9, and to 1e-6 near a point where the value is infinite. Source: the definition of elasticity.

    Examples
    --------
    >>> from crmvalue.ltv import ltv_margin_churn
    >>> found = ltv_sensitivity(ltv_margin_churn, {"arpu": 15, "margin": 0.6, "churn_rate": 0.04})
    >>> {name: round(float(value), 6) for name, value in found.items()}
    {'arpu': 1.0, 'margin': 1.0, 'churn_rate': -1.0}
    """
    _require_arguments(function, inputs)
    its_own = str(part_of(function, "__module__")).startswith("crmvalue.")
    if not its_own:  # formulas of the package check labels by their own rule
        require_same_index(**inputs)
    if isinstance(vary, str):
        raise InputError("vary", "a list of names", vary, hint='["arpu"] for one')
    numbers = [name for name, value in inputs.items() if is_numeric(value)]
    names = numbers if vary is None else as_ordered_items("vary", vary, "a list of names")
    for name in names:
        require_choice("vary", name, inputs)
    value = _value(function, inputs)
    require(value != 0, "inputs", value, "such that the value is not 0", hint="an elasticity is relative to the value")

    return {name: np.asarray(_elasticity(function, inputs, name, value))[()] for name in names}


def retention_uplift(
    retention_rate: ArrayLike, discount_rate: ArrayLike, *, points: ArrayLike = 0.05, n_periods: ArrayLike | None = None
) -> FloatOrArray:
    r"""Relative gain of value from a retention rate that is some points higher.

    Basis: margin, before acquisition cost, as in :func:`ltv_retention`; margin and timing cancel from the ratio.

    Parameters
    ----------
    retention_rate : array_like
        Share kept from one period to the next [fraction], in [0, 1].
    discount_rate : array_like
        Effective rate per period [fraction], >= 0.
    points : array_like, default 0.05
        Change of the retention rate [fraction]; 0.05 is five points, a negative number is a loss. The sum stays in
        [0, 1].
    n_periods : array_like, optional
        Horizon in periods, whole, >= 1; infinite by default.

    Returns
    -------
    float or numpy.ndarray
        New value over old value, minus 1.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or a value is infinite: retention that reaches 1, no
        discount and no horizon.

    Notes
    -----
    .. math:: \frac{\sum_{t=0}^{n-1} \bigl((r + p)/(1 + d)\bigr)^t}{\sum_{t=0}^{n-1} \bigl(r/(1 + d)\bigr)^t} - 1

    An often quoted rule says that five points more retention give 25 to 95 % more profit. It comes from cases of one
    consultancy and is no law: the gain grows steeply with the present retention rate. Source: the value at constant
    retention.

    Examples
    --------
    >>> retention_uplift([0.60, 0.80], 0.10).round(3)
    array([0.111, 0.2  ])
    """
    given = {"retention_rate": retention_rate, "discount_rate": discount_rate, "points": points}
    require_same_labels({**given, "n_periods": n_periods})
    retention, rate, extra = as_floats(**given)
    require_fractions(retention_rate=retention)
    require_not_negative(discount_rate=rate)
    raised = retention + extra
    within = (raised >= -_ROUNDING) & (raised <= 1 + _ROUNDING)
    require(within, "points", extra, "such that the retention rate stays in [0, 1]", hint="0.05 is five points")
    churn = 1 - retention
    churn_after = np.clip(churn - extra, 0, 1)  # not 1 - raised, which cancels near a retention of 1
    horizon = as_horizon(n_periods, retention_rate=retention, discount_rate=rate, points=extra)
    if horizon is None:
        require_finite_value(np.where(raised >= 1, 0, np.minimum(churn, churn_after)), rate)
        lasting: FloatOrArray = (np.clip(extra, -retention, churn) / (churn_after + rate) + 0.0)[()]
        return lasting

    before, after = (survivor_annuity(c, rate, n_periods=horizon, timing="end") for c in (churn, churn_after))

    gain = after / before - 1
    with np.errstate(under="ignore"):
        small = _small_gain(retention / (1 + rate), np.clip(extra, -retention, churn) / (1 + rate), horizon)
        kept: FloatOrArray = np.where(np.abs(gain) * before < 1, small, gain)[()]  # each where it is the more exact
    return kept


def _small_gain(factor: Floats, step: Floats, n_periods: Floats) -> Floats:
    """Gain of a sum of `n_periods` powers from 0, as the factor rises by `step`; by doubling, without a difference."""
    power, total = np.ones_like(factor + step + n_periods), np.zeros_like(factor + step + n_periods)
    rise = gain = total  # of the power, of the total
    for bit in reversed(range(int(np.max(n_periods, initial=0)).bit_length())):
        gain, total = gain * (1 + power + rise) + total * rise, total * (1 + power)
        rise, power = rise * (2 * power + rise), power * power
        one_more = np.floor(n_periods / 2.0**bit) % 2 == 1
        gain = np.where(one_more, (factor + step) * gain + step * total, gain)
        total = np.where(one_more, 1 + factor * total, total)
        rise = np.where(one_more, (factor + step) * rise + step * power, rise)
        power = np.where(one_more, power * factor, power)
    small: Floats = gain / total + 0.0
    return small


def _require_arguments(function: Callable[..., Any], inputs: Mapping[str, Any]) -> None:
    if not callable(function):
        raise InputError("function", "callable", function)
    if not isinstance(inputs, Mapping):
        raise InputError("inputs", "a mapping of the names of arguments to their values", inputs)
    require_arguments(function, inputs)


def _value(function: Callable[..., Any], inputs: Mapping[str, Any]) -> Floats:
    (value,) = as_floats(function=function(**inputs))
    return value


def _elasticity(function: Callable[..., Any], inputs: Mapping[str, Any], name: str, value: Floats) -> Floats:
    best = previous = _slope(function, inputs, name, _STEPS[0]) / value
    error = np.full(np.shape(best), np.inf)
    done = np.zeros(np.shape(best), dtype=bool)
    for step in _STEPS[1:]:
        current = _slope(function, inputs, name, step) / value
        change = np.abs(current - previous) / (1 + np.abs(current))
        done |= (error <= _ACCEPTABLE) & (change >= error)  # smaller steps would show only the rounding of the value
        if done.all():
            break
        better = ~done & (change < error)
        best, error = np.where(better, current, best), np.where(better, change, error)
        previous = current
    if (error > _ACCEPTABLE).any():
        raise ConvergenceError(f"the elasticity with respect to `{name}` does not settle", best)
    return best


def _slope(function: Callable[..., Any], inputs: Mapping[str, Any], name: str, step: float) -> Floats:
    (centre,) = as_floats(**{name: inputs[name]})
    for stencil in (_CENTRAL, _BACKWARD, _FORWARD):
        try:
            values = [weight * _value(function, {**inputs, name: centre * np.exp(k * step)}) for k, weight in stencil]
        except InputError as error:  # outside its range on this side
            refusal = error
        else:
            slope: Floats = np.sum(values, axis=0) / step
            return slope
    raise InputError("vary", "inputs that can change a little", name, hint="leave it out of `vary`") from refusal
