"""Pictures: of results, and of what needs more than one result.

A result with a picture has the methods `plot_data`, `to_vega` and `plot`, and notebooks show it. The functions below
make pictures of a model, of several results, or of a part of one. They give a :class:`Picture` with these methods.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
one customer: purchases, probability alive, when to write   :func:`customer_history`
value by purchases and silence                              :func:`value_matrix`
how much customers differ: in buying, in leaving            :func:`purchase_rates`, :func:`leaving_rates`
purchases week by week, actual and expected                 :func:`purchases_by_period`
groups by their size and the value of a customer            :func:`segment_treemap`
offers of a cascade over time, and when to stop             :func:`cascade_timeline`
credits of channels by several models                       :func:`compare_attributions`
value against cost of each channel                          :func:`compare_ltv_to_cac`
which input moves a value most                              :func:`sensitivity`
==========================================================  ===========================================================

Titles say what to see. Each picture has one action at most, marked in red; the grey dots are a naive rule or the
average. Colours differ in lightness, and lines in their dashes. `plot` needs the extra `plot` (matplotlib); `to_vega`
and `plot_data` need nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_day,
    as_day_column,
    as_fraction,
    as_ordered_items,
    as_positive,
    as_text,
    is_numeric,
    require,
    require_arguments,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import leaders
from crmvalue._core.encoding.indexes import index_of
from crmvalue._core.labels import as_given, by_name
from crmvalue._core.pictures.parts import (
    Axis,
    Layer,
    Parts,
    Style,
    as_cells,
    cut,
    evenly,
    of_all,
    shown,
    shown_beside,
    stretch,
)
from crmvalue._core.pictures.pictured import Picture
from crmvalue._plots.cascade import cascade_timeline
from crmvalue._plots.rates import as_model, leaving_rates, purchase_rates
from crmvalue._plots.treemap import segment_treemap
from crmvalue.attribution import Attribution
from crmvalue.errors import InputError
from crmvalue.ltv import LTV_TO_CAC_BANDS
from crmvalue.models import PurchaseTracking
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from crmvalue.typing import ArrayLike, Floats

__all__ = [
    "Picture",
    "cascade_timeline",
    "compare_attributions",
    "compare_ltv_to_cac",
    "customer_history",
    "leaving_rates",
    "purchase_rates",
    "purchases_by_period",
    "segment_treemap",
    "sensitivity",
    "value_matrix",
]

_MOST_DAYS = 400  # points of the curve of one customer
_LONGEST = 36_525  # days of a history and its future
_ROUNDING = 1e-12  # of the largest share: a smaller lead is none
_LAST_DAY = np.datetime64("9999-12-31")
_N_SILENCES, _N_COUNTS = 9, 10
_MOST_MONEY = 1e15
_MOST_ROWS, _MOST_CHANNELS = 16, 15
_STYLES: tuple[Style, ...] = ("main", "second", "third")


def customer_history(
    dates: ArrayLike,
    model: Any,
    *,
    as_of: ArrayLike,
    horizon: float,
    act_below: float = 0.5,
    name: str = "this customer",
) -> Picture:
    """Draw the purchases of one customer, the probability that they are alive, and the day to write by.

    Parameters
    ----------
    dates : array_like of dates
        Days of the customer's purchases, in any order, shape (n,); those after `as_of` are left out.
    model : purchase model or Fit
        Purchase model without covariates and calendar, or the fit of one.
    as_of : date
        Last day of observation.
    horizon : float
        How far to look ahead if the customer stays silent [time_unit of the model], > 0.
    act_below : float, default 0.5
        Probability in (0, 1); the day to write by is the first one below it.
    name : str, default "this customer"
        Whom the picture is about.

    Returns
    -------
    Picture
        With columns `day`, `prob_alive` up to `as_of`, `prob_if_silent` after it, and `purchase` at 1 on days of
        purchases. The grey line is a naive rule: twice the customer's usual gap after the last purchase.

    Raises
    ------
    InputError
        If there is no date up to `as_of`, `model` is no such model, or a number is out of its range.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
    >>> customer_history(["2024-01-08", "2024-02-05", "2024-03-04"], model, as_of="2024-04-01", horizon=52).title
    'Write by 2024-05-23: until then, this customer is more likely active than gone'
    """
    purchase_model = as_model(model)
    bought, today = as_day_column("dates", dates), as_day("as_of", as_of)
    bought = np.unique(bought[bought <= today])
    if not bought.size:
        raise InputError("as_of", "no earlier than the first of `dates`", today)
    unit = DAYS_PER_UNIT[purchase_model.time_unit]
    ahead, limit = as_positive("horizon", horizon), as_fraction("act_below", act_below)
    length = int((today - bought[0]).astype(np.int64)) + ahead * unit
    require(length <= _LONGEST, "horizon", ahead, "such that history and future are at most 100 years")
    who = cut(as_text("name", name))
    end = min(today + np.timedelta64(max(1, round(ahead * unit)), "D"), _LAST_DAY)

    all_days = np.arange(bought[0], end + 1)
    alive = _alive(all_days, bought, purchase_model, unit)
    late = np.nonzero((alive < limit) & (all_days > bought[-1]))[0]
    kept = np.isin(all_days, [*bought[evenly(len(bought), _MOST_DAYS)], today, end])
    kept[:: -(-len(all_days) // _MOST_DAYS)] = True
    when = all_days[late[0]] if late.size else None
    if when is not None:
        kept[late[0]] = True
    days, prob = all_days[kept], alive[kept]
    columns: dict[str, Any] = {
        "day": days,
        "prob_alive": np.where(days <= today, prob, np.nan),
        "prob_if_silent": np.where(days >= today, prob, np.nan),
        "purchase": np.where(np.isin(days, bought), 1.0, np.nan),
    }
    layers = [
        Layer(mark="line", x="day", y="prob_alive", label="probability to be alive"),
        Layer(mark="line", x="day", y="prob_if_silent", label="if they stay silent", style="second"),
        Layer(mark="points", x="day", y="purchase", label="purchases", style="third"),
    ]
    if len(bought) > 1:
        gap = 2 * int((bought[-1] - bought[0]).astype(np.int64)) // (len(bought) - 1)
        naive = bought[-1] + np.timedelta64(gap, "D")
        if naive <= end:
            columns["twice_the_gap"] = as_cells(len(days), naive)
            layers.append(Layer(mark="rule", x="twice_the_gap", label="twice the usual gap", style="naive"))
    odds = "more likely active than gone" if limit == 0.5 else f"active with at least {shown(limit, 'share')}"
    title = f"Until {end}, {who} is {odds}"
    if when is not None:
        title = f"Write by {when}: until then, {who} is {odds}"
        said = f"write by {when}"
        if when <= today:
            odds = "likely active" if limit == 0.5 else odds
            title, said = f"Write today: since {when}, {who} is no longer {odds}", "write today"
        columns |= {"write_by": as_cells(len(days), max(when, today)), "said": as_cells(len(days), said)}
        layers.append(Layer(mark="rule", x="write_by", text="said", style="action"))
    return Picture(
        Parts(
            title=title,
            x=Axis(title="Day", form="date"),
            y=Axis(title="Probability to be alive", form="share", low=0, high=1.18),
            columns=columns,
            layers=layers,
        )
    )


def _alive(days: Any, bought: Any, model: Any, unit: float) -> Floats:
    """Probability on each day, from what was known then."""
    n_before = np.searchsorted(bought, days, side="right")
    recency = (bought[n_before - 1] - bought[0]).astype(np.int64) / unit
    age = (days - bought[0]).astype(np.int64) / unit
    history = PurchaseHistory.from_columns(
        frequency=n_before - 1.0, recency=recency, age=age, time_unit=model.time_unit
    )
    alive: Floats = model.prob_alive(history)
    return alive


def value_matrix(model: Any, *, age: float, horizon: float, margin: float) -> Picture:
    """Draw what a customer is worth by their repeat purchases and their silence.

    Parameters
    ----------
    model : purchase model or Fit
        Purchase model without covariates and calendar, or the fit of one.
    age : float
        Time since the first purchase, the same for all [time_unit of the model], > 0.
    horizon : float
        Length of the future whose purchases count [time_unit], > 0.
    margin : float
        Margin of one purchase [money], > 0.

    Returns
    -------
    Picture
        With columns `silence`, `frequency` and `value`: expected purchases within the horizon times the margin.

    Raises
    ------
    InputError
        If `model` is no such model, or a number is out of its range.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> value_matrix(BgNbd(0.243, 4.414, 0.793, 2.426, "week"), age=52, horizon=52, margin=10).title
    'After 10 repeat purchases, a customer who is back is worth 69.3; one silent for 46 weeks, less than 0.01'
    """
    purchase_model = as_model(model)
    length, ahead = as_positive("age", age), as_positive("horizon", horizon)
    money = as_positive("margin", margin)
    share = np.arange(_N_SILENCES) / _N_SILENCES
    frequency = np.arange(_N_COUNTS, 0, -1.0)
    counts, silences = (grid.ravel() for grid in np.meshgrid(frequency, length * share, indexing="ij"))
    history = PurchaseHistory.from_columns(
        frequency=counts,
        recency=length - silences,
        age=np.full(len(counts), length),
        time_unit=purchase_model.time_unit,
    )
    value = money * purchase_model.expected_purchases(history, horizon=ahead)
    unit = purchase_model.time_unit
    best, worst = value[0], value[_N_SILENCES - 1]
    labels = [shown(round(silence) if length >= 2 * _N_SILENCES else silence) for silence in silences]
    longest = labels[_N_SILENCES - 1]
    spell = f"{longest} {unit if longest == '1' else f'{unit}s'}"
    lost = f"one silent for {spell}, {_worth(worst)}"
    return Picture(
        Parts(
            title=f"After {_N_COUNTS} repeat purchases, a customer who is back is worth {_worth(best)}; {lost}",
            x=Axis(title=f"Time since the last purchase [{unit}s], {shown(length)} after the first", form="name"),
            y=Axis(title="Repeat purchases", form="name"),
            columns={
                "frequency": [f"{count:.0f}" for count in counts],
                "silence": labels,
                "value": value,
                "shown": [_in_cell(cell) for cell in value.tolist()],
            },
            layers=[
                Layer(mark="heat", x="silence", y="frequency", fill="value"),
                Layer(mark="text", x="silence", y="frequency", text="shown"),
            ],
        )
    )


def _in_cell(value: float) -> str:
    """Write an amount as there is room in a cell; one above 0 is not written as 0."""
    if 0.0 < value < 0.005:
        return "<0.01"
    return shown(round(value, 1) if 1.0 <= value < 10.0 else value, "money")


def _worth(value: float) -> str:
    """Write an amount in words where no amount says it: less than a hundredth, or beyond all sums."""
    if 0.0 < value < 0.005:
        return "less than 0.01"
    return f"more than {shown(_MOST_MONEY, 'money')}" if value > _MOST_MONEY else shown(value, "money")


def purchases_by_period(tracking: PurchaseTracking) -> Picture:
    """Draw actual and expected repeat purchases period by period; `tracking.plot` draws their sums so far.

    Parameters
    ----------
    tracking : PurchaseTracking
        Result of :func:`crmvalue.models.purchase_tracking`.

    Returns
    -------
    Picture
        With columns `end`, `actual` and `expected`; of more than 250 periods, means of several.

    Raises
    ------
    InputError
        If `tracking` is not such a result.

    Examples
    --------
    >>> from crmvalue.models import BgNbd, purchase_tracking
    >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
    >>> purchases_by_period(purchase_tracking([1, 1, 2], ["2024-01-01", "2024-02-01", "2024-01-20"], model)).title
    'No customer bought again; the model expects 0.25 purchases'
    """
    if not isinstance(tracking, PurchaseTracking):
        raise InputError("tracking", "a PurchaseTracking", tracking)
    return Picture(tracking._parts(cumulative=False))  # noqa: SLF001 - the other picture of the same result


def compare_attributions(attributions: Sequence[Attribution]) -> Picture:
    """Draw the share of each channel by several attribution models.

    Parameters
    ----------
    attributions : sequence of Attribution
        One to three results of :func:`crmvalue.attribution.attribute` for the same paths, each by another model.

    Returns
    -------
    Picture
        With columns `channel`, `low`, `high`, and one with the shares by each model.

    Raises
    ------
    InputError
        If there are none or more than three, or if their channels differ.

    Examples
    --------
    >>> from crmvalue.attribution import Paths, attribute
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"]], [2, 1, 3])
    >>> compare_attributions([attribute(paths, model=model) for model in ("first", "last")]).title
    'The models disagree: search gets most by first, mail by last'
    """
    results = as_ordered_items("attributions", attributions, "a list of Attribution")
    rule = "one to three Attribution, with the same channels and different models"
    if not 1 <= len(results) <= len(_STYLES) or not all(isinstance(result, Attribution) for result in results):
        raise InputError("attributions", rule, attributions)
    models, channels = [result.model for result in results], results[0].channels
    if len(set(models)) < len(models) or any(result.channels != channels for result in results):
        raise InputError("attributions", rule, models)
    shares = np.array([result.share for result in results])
    order = np.argsort(-shares.mean(axis=0), kind="stable")
    is_other = ~np.isin(order, shares.argmax(axis=1))  # of many channels, those that the title names are drawn too
    order = order[np.sort(np.argsort(is_other, kind="stable")[:_MOST_CHANNELS])]
    title = _who_gets_most(models, channels, shares)
    rest = of_all(len(order), len(channels), "channels")
    columns = {
        "channel": np.array(channels)[order],
        "low": shares.min(axis=0)[order],
        "high": shares.max(axis=0)[order],
    }
    layers = [Layer(mark="interval", y="channel", low="low", high="high", style="quiet")]
    for name, share, style in zip(models, shares, _STYLES, strict=False):
        columns[f"share_{name}"] = share[order]
        layers.append(Layer(mark="points", x=f"share_{name}", y="channel", label=name.replace("_", " "), style=style))
    return Picture(
        Parts(
            title=title,
            x=Axis(title=f"Share of the conversions{rest}", form="share", low=0),
            y=Axis(title="", form="name"),
            columns=columns,
            layers=layers,
        )
    )


def _who_gets_most(models: list[str], channels: tuple[str, ...], shares: Floats) -> str:
    """Name the channel with the largest share by all models, or two channels about which they disagree."""
    if np.isnan(shares).any():
        return "No conversion had a touch, so no channel gets anything"
    leads = shares >= shares.max(axis=1, keepdims=True) * (1 - _ROUNDING)
    by_all = np.nonzero(leads.all(axis=0))[0]
    by = f"each of the {len(models)} models" if len(models) > 1 else models[0].replace("_", " ")
    if len(by_all) > 1:
        return f"{len(by_all):,} channels get the same, the most, by {by}"
    if len(by_all):
        alone = "" if (leads.sum(axis=1) == 1).all() else ", not always alone"
        return f"{cut(channels[by_all[0]])} gets most by {by}{alone}"
    first = int(shares[0].argmax())
    other = int(np.argmin(leads[:, first]))
    names = cut(channels[first]), cut(channels[int(shares[other].argmax())])
    by_first, by_other = (models[k].replace("_", " ") for k in (0, other))
    return f"The models disagree: {names[0]} gets most by {by_first}, {names[1]} by {by_other}"


def compare_ltv_to_cac(
    names: Sequence[str], ltv: Mapping[str, float] | ArrayLike, acquisition_cost: Mapping[str, float] | ArrayLike
) -> Picture:
    """Draw how many times each channel, or group, earns what its customers cost to win.

    Parameters
    ----------
    names : sequence of str
        Channels or groups, all different, shape (k,).
    ltv : array_like, mapping or labelled column
        Lifetime value of a customer of each, before acquisition cost [money], >= 0; in the order of `names`, or by
        name, as `acquisition_cost` then has to be too.
    acquisition_cost : array_like, mapping or labelled column
        Cost to win a customer of each [money], >= 0. Where it costs nothing there is no ratio: such channels are left
        out, and the axis says how many.

    Returns
    -------
    Picture
        With columns `name`, `ratio` and `healthy`: 3, from :data:`crmvalue.ltv.LTV_TO_CAC_BANDS`.

    Raises
    ------
    InputError
        If lengths or names differ, names repeat, a number is out of its range, or all costs are 0.

    Examples
    --------
    >>> compare_ltv_to_cac(["mail", "ads"], [90, 40], [20, 50]).title
    'ads loses money: a customer brings 0.8 times their cost'
    """
    items = as_ordered_items("names", names, "a list of names")
    if index_of(names) is None:
        _, (ltv, acquisition_cost) = by_name(items, ltv=ltv, acquisition_cost=acquisition_cost)
    else:  # three columns of one table
        require_same_index(names=names, ltv=ltv, acquisition_cost=acquisition_cost)
    labels = np.array([as_text("names", name) for name in items], dtype=np.str_)
    value, cost = as_column("ltv", ltv), as_column("acquisition_cost", acquisition_cost)
    if not len(labels) or len(set(labels.tolist())) < len(labels):
        raise InputError("names", "at least one, all different", names)
    require_same_length(names=labels, ltv=value, acquisition_cost=cost)
    require(value >= 0, "ltv", value, ">= 0")
    require(cost >= 0, "acquisition_cost", cost, ">= 0")
    priced = cost > 0
    if not priced.any():
        raise InputError("acquisition_cost", "above 0 for at least one", 0.0, hint="what costs nothing has no ratio")
    free = len(cost) - int(np.count_nonzero(priced))
    labels, ratio = labels[priced], value[priced] / cost[priced]
    order = np.argsort(-ratio, kind="stable")
    half = _MOST_ROWS // 2
    if len(order) > _MOST_ROWS:  # the best and the worst
        order = np.concatenate([order[:half], order[-half:]])
    best, worst = cut(str(labels[order[0]])), cut(str(labels[order[-1]]))
    times, n_best = f"{shown(ratio.max())} times what a customer costs", len(leaders(ratio))
    title = f"{best} earns most for its cost: {times}"
    if n_best > 1:
        title = f"{n_best:,} of {len(ratio):,} earn the same for their cost, the most: {times}"
    if len(ratio) == 1:
        title = f"{best} earns {times}"
    rest = f": {len(order):,} of {len(ratio):,}, best and worst" if len(order) < len(ratio) else ""
    rest += f"; {free:,} without a cost left out" if free else ""
    axis = "LTV:CAC" if free and len(order) < len(ratio) else "Lifetime value over acquisition cost"  # as there is room
    if ratio.min() < 1:
        title = f"{worst} loses money: a customer brings {shown_beside(float(ratio.min()), 1)} times their cost"
    said = [shown_beside(one, 1) for one in ratio[order].tolist()]
    healthy = next(band.low for band in LTV_TO_CAC_BANDS.bands if band.name == "healthy")
    return Picture(
        Parts(
            title=title,
            x=Axis(
                title=f"{axis}{rest}",
                low=0,
                high=stretch(labels, said) * max(float(ratio.max()), healthy),
            ),
            y=Axis(title="", form="name"),
            columns={
                "name": labels[order],
                "ratio": ratio[order],
                "shown": said,
                "healthy": as_cells(len(order), healthy),
                "even": as_cells(len(order), 1.0),
            },
            layers=[
                Layer(mark="bar", x="ratio", y="name", label="value over cost"),
                Layer(mark="rule", x="even", label="brings its cost", style="second"),
                Layer(mark="rule", x="healthy", label=f"healthy: {as_given(healthy)}", style="naive"),
                Layer(mark="text", x="ratio", y="name", text="shown"),
            ],
        )
    )


def sensitivity(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    change: float = 0.1,
    vary: Collection[str] | None = None,
) -> Picture:
    """Draw how much a value moves if each of its inputs is somewhat lower or higher (a tornado).

    Parameters
    ----------
    function : callable
        Any formula of :mod:`crmvalue.ltv` that gives one number, or a function of your own.
    inputs : mapping of str to object
        Its arguments, by name, at the point of interest. All elements of a column change together.
    change : float, default 0.1
        Share by which each input is lowered and raised, in (0, 1); 0.1 is 10 %.
    vary : collection of str, optional
        Inputs to vary; by default all that are numbers.

    Returns
    -------
    Picture
        With columns `input`, `value_lower`, `value_higher` and `value`. A change that the function refuses is missing,
        and counted below the picture.

    Raises
    ------
    InputError
        If `inputs` is no mapping, `vary` names none of them, or the value is not one finite number.

    Examples
    --------
    >>> from crmvalue.ltv import ltv_margin_churn
    >>> sensitivity(ltv_margin_churn, {"arpu": 15, "margin": 0.6, "churn_rate": 0.04}).title
    'churn_rate moves the value most: 10 % more or less gives 205 to 250'
    """
    share = as_fraction("change", change)
    if not callable(function):
        raise InputError("function", "callable", function)
    try:
        given = dict(inputs)
    except Exception as error:  # whatever the value's own code raises
        raise InputError("inputs", "a mapping of names to values", inputs) from error
    numbers = [name for name, value in given.items() if is_numeric(value)]
    for name in given:
        as_text("inputs", name)
    require_arguments(function, given)
    names = (
        numbers
        if vary is None
        else [as_text("vary", name) for name in as_ordered_items("vary", vary, "a list of names")]
    )
    if not names or any(name not in numbers for name in names):
        raise InputError("vary", f"some of the inputs that are numbers, {numbers}", vary)
    base = _value_of(function, given)
    if not np.isfinite(base):
        raise InputError("inputs", "such that the value is one finite number", base)
    lower, higher = (
        np.array([_value_or_nan(function, {**given, name: _times(given[name], factor)}) for name in names])
        for factor in (1 - share, 1 + share)
    )
    ends = np.array([lower, higher, np.full(len(names), base)])
    low, high = np.nanmin(ends, axis=0), np.nanmax(ends, axis=0)
    order = np.argsort(low - high, kind="stable")[:_MOST_ROWS]
    top = order[0]
    more = f"{shown(share, 'share')} more or less"
    span = f"{more} gives {shown(low[top])} to {shown(high[top])}"
    if np.isnan(lower[top]) != np.isnan(higher[top]):
        less, end = ("less", lower[top]) if np.isnan(higher[top]) else ("more", higher[top])
        span = f"{shown(share, 'share')} {less} gives {shown(end)} in place of {shown(base)}"
    start = np.full(len(order), base)
    rest = f", {len(order):,} of {len(names):,} inputs: those that move it most" if len(order) < len(names) else ""
    n_refused = int(np.count_nonzero(np.isnan([lower[order], higher[order]])))
    rest += f"; {n_refused} {'change' if n_refused == 1 else 'changes'} refused, not drawn" if n_refused else ""
    title = f"{cut(names[top])} moves the value most: {span}" if low[top] < high[top] else "No input moves the value"
    n_most = len(leaders(high - low, size=float(np.nanmax(np.abs(ends)))))
    if n_most > 1 and low[top] < high[top]:
        span = f"with {more}, it varies by {shown(high[top] - low[top])}"
        title = f"{n_most:,} inputs move the value the same, the most: {span}"
    elif len(names) == 1 and low[top] < high[top]:
        title = f"{cut(names[top])} moves the value: {span}"
    return Picture(
        Parts(
            title=title,
            x=Axis(title=f"Value{rest}", form="money", **_around(base, low, high)),
            y=Axis(title="", form="name"),
            columns={
                "input": np.array(names)[order],
                "value_lower": lower[order],
                "value_higher": higher[order],
                "value": start,
                "base": as_cells(len(order), base),
            },
            layers=[
                Layer(mark="bar", y="input", low="value", high="value_higher", label=f"{shown(share, 'share')} higher"),
                Layer(
                    mark="bar",
                    y="input",
                    low="value",
                    high="value_lower",
                    label=f"{shown(share, 'share')} lower",
                    style="second",
                ),
                Layer(mark="rule", x="base", style="naive"),
            ],
        )
    )


def _around(base: float, low: Floats, high: Floats) -> dict[str, Any]:
    """Fix the ends of an axis on which nothing differs."""
    return {} if np.any(low < high) else {"low": base - 1.0, "high": base + 1.0}


@np.errstate(over="ignore", under="ignore")
def _times(value: Any, factor: float) -> Any:
    return value * factor if isinstance(value, int | float) else np.multiply(value, factor)


def _value_of(function: Callable[..., Any], inputs: Mapping[str, Any]) -> float:
    found = function(**inputs)
    try:
        value = np.asarray(found)
    except ValueError as error:  # a ragged list
        raise InputError("function", "one that gives one number", found) from error
    if value.shape != () or value.dtype.kind not in "fiu":
        raise InputError("function", "one that gives one number", value)
    return float(value)


def _value_or_nan(function: Callable[..., Any], inputs: Mapping[str, Any]) -> float:
    """Give a value, or NaN where the function refuses the inputs or the value is infinite."""
    try:
        value = _value_of(function, inputs)
    except InputError:
        return np.nan
    return value if np.isfinite(value) else np.nan
