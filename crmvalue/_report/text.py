"""The overview as text of at most 120 columns; :mod:`crmvalue.report` is the public door."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from crmvalue._core.labels import as_given, counted, decimals_apart, figure, fraction, money, percent, points
from crmvalue._report.base_summary import BaseSummary, Estimate, LastPeriod, decimals_of_ratio, holds_two_years
from crmvalue._report.groups import GroupSummary
from crmvalue._report.models import ModelSummary, reason_of_error
from crmvalue._report.newcomers import FEWEST_NEWCOMERS
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.models import HoldoutError, ModelScore

__all__ = ["fit_lines", "format_groups", "format_models", "format_summary"]

_WIDTH = 120
_NARROWEST = 16
_YEAR = 12  # months
_DAYS_OF_A_YEAR = 365
_NOTE = 58  # column of the note behind a figure and its interval
_BEGAN_WITH_LOG = "If the business began with the log, give --ignore-first-days 0, or ignore_first_days=0 in Python."


def format_summary(summary: BaseSummary) -> str:
    """Write the figures of a base as text of at most 120 columns.

    Parameters
    ----------
    summary : BaseSummary
        Result of :func:`summarise_base`.

    Returns
    -------
    str
        Lines in four parts: the base, key figures, lifetime value, concentration.

    Raises
    ------
    InputError
        If it is no BaseSummary.

    Examples
    --------
    >>> from crmvalue.report import summarise_base
    >>> summary = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> print(format_summary(summary).splitlines()[0])
    THE BASE as of 2024-03-01
    """
    _require(summary, BaseSummary, "summarise_base")
    parts = [_base_lines(summary), _figure_lines(summary), _value_lines(summary), _concentration_lines(summary)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def format_groups(summary: GroupSummary) -> str:
    """Write the groups as text of at most 120 columns.

    Parameters
    ----------
    summary : GroupSummary
        Result of :func:`summarise_groups`.

    Returns
    -------
    str
        A heading and its lines.

    Raises
    ------
    InputError
        If it is no GroupSummary.

    Examples
    --------
    >>> from crmvalue.report import summarise_groups
    >>> print(format_groups(summarise_groups([1, 1], ["2024-01-01", "2024-03-01"])).splitlines()[0])
    GROUPS OF CUSTOMERS (RFM)
    """
    _require(summary, GroupSummary, "summarise_groups")
    basis = ", M is the mean spend per purchase" if summary.has_money and summary.breaks.spend_basis == "mean" else ""
    lines = [f"GROUPS OF CUSTOMERS (RFM){basis}", *_group_table(summary)]
    stages = zip(summary.stages.names, summary.stages.n_customers.tolist(), strict=True)
    lines.append("  Stages by time since the last purchase: " + ", ".join(f"{name} {n:,}" for name, n in stages) + ".")
    lines += _wrap(f"Due in a first win-back run on {summary.as_of}: {_due(summary)}.")
    actions = dict(zip(summary.groups.names, summary.groups.actions, strict=True))
    if summary.attention:
        n_active, *silent = summary.stages.n_customers.tolist()
        if n_active and not any(silent):
            lines += _wrap(
                "The groups rank the customers of this log: nobody in it has been silent for 9 months yet, so names of "
                "groups that follow mean silent beside the others, not lost."
            )
        lines.append("  Groups to act on, most urgent first:")
        for name in summary.attention:
            lines += _wrap(f"{name}: {actions[name]}", indent=4)
    return "\n".join(lines)


def format_models(summary: ModelSummary) -> str:
    """Write the forecast of a model as text of at most 120 columns.

    Parameters
    ----------
    summary : ModelSummary
        Result of :func:`summarise_models`.

    Returns
    -------
    str
        A heading and its lines.

    Raises
    ------
    InputError
        If it is no ModelSummary.

    Examples
    --------
    >>> from crmvalue.report import summarise_models
    >>> print(format_models(summarise_models([1, 1], ["2024-01-01", "2024-03-01"])).splitlines()[0])
    WHAT THE CUSTOMERS WILL DO (model)
    """
    _require(summary, ModelSummary, "summarise_models")
    lines = ["WHAT THE CUSTOMERS WILL DO (model)"]
    stop = "." if summary.service_cost else ""
    if summary.expected_purchases is None:
        return "\n".join([*lines, *_wrap(f"not known: {summary.problem}{stop}"), *_about_serving(summary)])
    lines += _choice_lines(summary)
    note = "of all customers in the next 52 weeks"
    lines.append(_line("expected purchases", figure(summary.expected_purchases, digits=2), note=note))
    if summary.share_alive is not None:
        note = f"expected share of the {counted(summary.n_customers, 'customer')}"
        lines.append(_line("still active", fraction(summary.share_alive), note=note))
    lines += _forecast_value_lines(summary)
    for text in summary.warnings:
        lines += _wrap(f"Note: {text}")
    return "\n".join(lines)


def fit_lines(text: str, width: int) -> str:
    """Break the lines that are longer than a width, a figure before its note; no word is lost."""
    width = max(width, _NARROWEST)
    return "\n".join(part for line in text.split("\n") for part in _fit_line(line, width))


def _fit_line(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    inner = line.lstrip(" ")
    most = 2 * width // 5  # of indentation, so that a word has room
    margin = min(len(line) - len(inner), most)
    indent = " " * min(margin + 4, most)
    front, gap, note = inner.rpartition("  ")
    first = _break(" " * margin + (front.rstrip() if gap else inner), width=width, indent=indent)
    return first + (_break(indent + note, width=width, indent=indent) if gap else [])


def _require(summary: object, kind: type, maker: str) -> None:
    if not isinstance(summary, kind):
        raise InputError("summary", f"a {kind.__name__}", summary, hint=f"{maker} makes one")


def _base_lines(summary: BaseSummary) -> list[str]:
    counts = summary.counts
    lines = [
        f"THE BASE as of {summary.as_of}",
        _line("customers", f"{summary.n_customers:,}"),
        _line("purchases", f"{summary.n_purchases:,}", note="all orders of a customer on one day are one purchase"),
        _line("period", f"{summary.first_day} to {summary.as_of}"),
    ]
    if summary.revenue is not None:
        lines.append(_line("revenue", money(summary.revenue)))
    later = f"after that day; {counted(counts.n_customers_after_as_of or 0, 'customer')} first bought then"
    left_out = [
        (counts.n_without_customer, "without a customer"),
        (counts.n_without_date, "without a date"),
        (counts.n_rows_after_as_of, later),
        (counts.n_duplicates_dropped, "exact copies of another row"),
        (counts.n_missing, "without an amount"),
        (counts.n_refunds_dropped, "with a refund"),
        (counts.n_zeros_dropped, "with an amount of 0"),
    ]
    lines += [_line("left out", counted(n, "row"), note=what) for n, what in left_out if n]
    if counts.n_customers_without_purchase:
        n_left = counted(counts.n_customers_without_purchase, "customer")
        lines.append(_line("left out", n_left, note="without any purchase left"))
    if counts.n_zeros_kept:
        lines.append(_line("zero amounts", counted(counts.n_zeros_kept, "row"), note="counted as purchases"))
    if counts.n_residues:
        lines.append(_line("tiny amounts", counted(counts.n_residues, "row"), note="below 1e-9: counted as 0"))
    if counts.n_duplicates_kept:
        note = "the customer, time and amount of another row; they count"
        lines.append(_line("exact copies", counted(counts.n_duplicates_kept, "row"), note=note))
    if counts.n_refunds_netted:
        off = "taken off purchases, if any" if counts.unmatched_refunds else "taken off purchases"
        note = f"{off}; {counted(counts.n_purchases_cancelled or 0, 'purchase')} cancelled"
        lines.append(_line("refunds", counted(counts.n_refunds_netted, "row"), note=note))
    if counts.unmatched_refunds:
        lines.append(_line("", money(counts.unmatched_refunds), note="refunded without an earlier purchase"))
    if summary.n_fell_silent:
        buyers = "a frequent buyer" if summary.n_fell_silent == 1 else "frequent buyers"
        note = f"{buyers}, silent for over 20 times their mean gap"
        lines.append(_line("fell silent", f"{summary.n_fell_silent:,}", note=note))
        who = f"customer {summary.fell_silent!r}"
        note = f"this is {who}" if summary.n_fell_silent == 1 else f"{who} bought most often of them"
        lines.append(_line("", "", note=note))
    return lines


def _figure_lines(summary: BaseSummary) -> list[str]:
    lines = [
        "KEY FIGURES with 95 % intervals",
        _estimate(
            "repeat purchase rate",
            summary.repeat_purchase_rate,
            note="customers with more than one purchase",
            form=fraction,
        ),
        _estimate("purchases per customer", summary.purchases_per_customer),
        _estimate(
            "time between purchases",
            summary.time_between_purchases,
            note="days; waits that are not over, often long ones, are left out",
        ),
        _estimate("average order value", summary.average_order_value),
        _estimate("revenue per customer", summary.revenue_per_customer, note="so far"),
    ]
    period = summary.last_period
    if period is None:
        too_short = "a year is" if holds_two_years(summary) else "the log is"
        note = f"{too_short} too short for how rarely these customers buy"
        lines.append(_line("retention rate", "not known", note=note))
    elif period.retention_rate is None:
        lines.append(_line("retention rate", "not known", note=f"no customer bought in the previous {period.name}"))
    else:
        note = f"of the {counted(period.n_before, 'customer')} of the previous {period.name}"
        lines.append(_estimate("retention rate", period.retention_rate, note=note, form=fraction))
        note = f"of the {counted(period.n_active, 'customer')} of the last {period.name}"
        lines.append(_estimate("ARPU", period.arpu, note=note))
    return [line for line in lines if line]


def _value_lines(summary: BaseSummary) -> list[str]:
    value, period = summary.value, summary.last_period
    if summary.revenue is None:
        return ["LIFETIME VALUE", "  not known: the log has no amounts"]
    if period is None or period.retention_rate is None or period.arpu is None:
        return ["LIFETIME VALUE", "  not known: churn cannot be measured on this log"]
    serving = _before_serving(summary)
    lines = ["LIFETIME VALUE before acquisition cost; intervals show chance, not how well the formula fits"]
    if value.ltv_revenue is None:
        lines.append(
            f"  No customer was lost in the last {period.name}: without a discount rate the value is infinite."
        )
    lines += [
        _estimate("active, in revenue", value.ltv_revenue, note="order value x purchases x lifetime"),
        _estimate(
            "active, in margin",
            value.ltv_margin,
            note=f"ARPU x margin {as_given(summary.margin or 0.0)} / churn{serving}",
        ),
        _estimate(
            "active, discounted",
            value.ltv_discounted,
            note=f"at {_a_year(summary.discount_rate or 0.0)}{serving}",
        ),
    ]
    if value.ltv_revenue is not None:
        lines += _wrap("The intervals of active customers show chance in the retention rate alone, not in the spend.")
    lines += _newcomer_lines(summary, period)
    if value.band is not None and value.ltv_to_cac is not None:
        note = f"of a newcomer{serving}; {value.band.name}: {value.band.message}"
        if value.lowest_band is not None and value.lowest_band.name != value.band.name:
            note += f" But at the lower end: {value.lowest_band.name}."
        lines.append(
            _estimate("LTV:CAC", value.of_newcomer(value.ltv_to_cac), note=note, form=f"z,.{decimals_of_ratio(value)}f")
        )
    if value.max_acquisition_cost is not None:
        cost = value.of_newcomer(value.max_acquisition_cost)
        lines.append(_estimate("acquisition cost", cost, note=f"at most, for an LTV:CAC of 3{serving}"))
    if serving:
        a_year = money(summary.service_cost)
        what = "only the value of the forecast, if it is known, takes it off"
        lines += _wrap(f"Serving a customer costs {a_year} a year: {what}.")
    lines += _ignored_lines(summary) + _season_lines(summary, period)
    chance = percent(period.prob_silent, digits=0)[:-1]
    lines += [
        f"  A customer without a purchase in the last {period.name} counts as lost.",
        f"  At the typical pace, {chance} % would be silent that long by chance; of slower customers, more.",
    ]
    if summary.margin is None:
        lines.append(
            "  Revenue is not profit: give a margin for a value in margin, and an acquisition cost for LTV:CAC."
        )
    lines.append(f"  Compute the figures again by {summary.recompute_on}, because customers change.")
    return [line for line in lines if line]


def _a_year(rate: float) -> str:
    """Write a discount rate; one of at least 1, which may be meant in percent, also in percent."""
    return f"{as_given(rate)} a year" + (f", which is {percent(rate, digits=0)}" if rate >= 1.0 else "")


def _before_serving(summary: BaseSummary) -> str:
    """Say of a value in margin that it does not know the cost of serving, where there is one."""
    return ", before the cost of serving" if summary.service_cost else ""


def _newcomer_lines(summary: BaseSummary, period: LastPeriod) -> list[str]:
    """Write the value of a newcomer, and say what it rests on and what it cannot know."""
    value = summary.value
    if summary.margin is None:
        return []
    if period.is_uneven and period.newcomer_revenue is not None:
        brought = f"{money(summary.margin * period.newcomer_revenue)} on average{_before_serving(summary)}"
        why = (
            f"Their first {period.name} alone brought {brought}. The same customers spent more in some weeks than in "
            "others, by more than chance. A log of less than 15 months cannot tell such a season from customers who "
            "leave: a longer log gives the figure."
        )
        return [_line("newcomer, in margin", "not known", note="a season may be in it"), *_wrap(why, indent=4)]
    if value.ltv_newcomer is None or period.newcomer_retention_rate is None or period.money_kept is None:
        if period.n_newcomers < FEWEST_NEWCOMERS:
            number = "is" if period.n_newcomers == 1 else "are"
            note = f"{counted(period.n_newcomers, 'newcomer')} with two full {period.name}s {number} too few"
        elif period.money_kept is None:
            note = "the log is too short to show how spending falls"
        else:
            note = f"known customers spend no less than {counted(period.months_kept, 'month')} earlier"
        return [_line("newcomer, in margin", "not known", note=note)]
    note = f"first {period.name}; a share of {fraction(period.newcomer_retention_rate)} buys again in the second"
    note += _before_serving(summary)
    measured = f"Measured on {counted(period.n_newcomers, 'newcomer')}, first seen from {period.newcomers_from} to "
    said = [f"{measured}{period.newcomers_to}. It holds for newcomers like them."]
    if period.n_late:
        some = "One of them may be an old customer" if period.n_late == 1 else f"{period.n_late:,} may be old customers"
        said.append(f"{some} from before the log; the interval allows for it.")
        if not period.ignored_days:
            said.append(_BEGAN_WITH_LOG)
    beyond = percent(value.newcomer_beyond or 0.0, digits=0)
    said.append(
        f"{beyond} of the value lies beyond their first two {period.name}s. For it, "
        f"spending is taken to go on as that of {counted(period.n_known, 'known customer')}: times "
        f"{fraction(period.money_kept.value)} in {counted(period.months_kept, 'month')}. Changes of prices are in it."
    )
    if period.ignored_days or period.n_late:  # known customers are of all ages
        said.append(
            "If customers leave less the longer they stay, the value may be higher, even above the interval; if "
            "newcomers leave sooner than known customers, it is lower."
        )
    else:
        said.append("If customers leave less the longer they stay, the value is higher, often above the interval.")
    if period.months_kept < _YEAR:
        said.append("The log is too short to tell a season from customers who leave.")
    estimate = _estimate("newcomer, in margin", value.ltv_newcomer, note=note)
    return [estimate, *(line for sentence in said for line in _wrap(sentence, indent=4))]


def _season_lines(summary: BaseSummary, period: LastPeriod) -> list[str]:
    """Say of the values of active customers that a season is in them; those of newcomers say why."""
    if not period.is_uneven:
        return []
    said = f"The values of active customers hold for the season of the last {period.name} alone."
    if summary.margin is None or period.newcomer_revenue is None:
        said += " The same customers spent more in some weeks than in others, by more than chance."
    return _wrap(said)


def _ignored_lines(summary: BaseSummary) -> list[str]:
    """Say who does not count as a newcomer, because the log may begin in the middle of the business's life."""
    period = summary.last_period
    if period is None or summary.margin is None or not period.ignored_days:
        return []
    one = period.n_ignored == 1
    who, do, newcomers = (
        ("The customer", "does", "a newcomer") if one else (f"The {period.n_ignored:,} customers", "do", "newcomers")
    )
    days = "day" if period.ignored_days == 1 else f"{period.ignored_days:,} days"
    return _wrap(
        f"{who} first seen in the first {days} {do} not count as {newcomers}, because a log that begins later than the "
        f"business meets its old customers first. {_BEGAN_WITH_LOG}"
    )


def _concentration_lines(summary: BaseSummary) -> list[str]:
    held = summary.concentration
    if held is None:
        return []
    return [
        "CONCENTRATION of revenue",
        _line("best 10 % hold", fraction(held.top_decile_share), note="of the revenue"),
        _line("best 20 % hold", fraction(held.top_fifth_share)),
        _line("Gini", fraction(held.gini), note="0: all spend the same; 1: one customer spends everything"),
    ]


def _group_table(summary: GroupSummary) -> list[str]:
    groups, compared = summary.groups, [part for part in (summary.before, summary.now) if part is not None]
    header = f"  {'group':<20}{'customers':>10}{'share':>8}"
    header += f"{'revenue':>16}{'share':>8}{'mean':>12}" if summary.has_money else ""
    lines = [header + "".join(f"{f'until {part.as_of}':>18}" for part in compared)]
    sizes = [dict(zip(part.names, part.n_customers.tolist(), strict=True)) for part in compared]
    rows = zip(
        groups.names, groups.n_customers.tolist(), groups.customer_share.tolist(), groups.value.tolist(),
        groups.value_share.tolist(), groups.mean_value.tolist(), strict=True,
    )  # fmt: skip
    for name, n, share, value, value_share, mean in rows:
        row = f"  {name:<19} {n:>9,} {percent(share):>7}"
        if summary.has_money:
            row += f" {money(value):>15}" + (f"{'-':>8}" if math.isnan(value_share) else f" {percent(value_share):>7}")
            row += f" {money(mean):>11}" if n else f"{'-':>12}"
        lines.append(row + "".join(f" {size[name]:>17,}" for size in sizes))
    if compared:
        season = (summary.window or 0) < _DAYS_OF_A_YEAR
        lines += _wrap(
            f"The last two columns count only those who bought in the {summary.window} days until each day, and group "
            "them by these purchases alone. So the two can be compared"
            + (", but a season can be in the difference: that is less than a year." if season else ".")
        )
    return lines


def _due(summary: GroupSummary) -> str:
    """Write the customers who are due by their months of silence; only the first entry names the unit."""
    units = [" months of silence"] + [""] * len(summary.due)
    said = [f"{n:,} after {month}{unit}" for (month, n), unit in zip(summary.due.items(), units, strict=False)]
    return ", ".join(said) or "none"


def _choice_lines(summary: ModelSummary) -> list[str]:
    """Write the chosen model or rule, its grade, and the errors of all on the holdout."""
    name = summary.model or summary.rule or ""
    lines = []
    if summary.model is None:
        lines += [_line("naive rule", name), *_wrap(f"{summary.problem or ''}. So the naive rule makes the forecast.")]
    else:
        lines += [_line("chosen model", name, note=_choice_note(summary, name))]
    if name == "NBD":
        lines += _wrap(
            "This model knows no leaving: within this log no customer can be shown to have left. "
            "So its forecast is at the upper end."
        )
    if summary.unseen_months:
        first, last = summary.unseen_months[0], summary.unseen_months[-1]
        months = first if first == last else f"{first} to {last}"
        lines += _wrap(
            f"The log has no day in {months}. If customers buy more or less then, this forecast cannot know it."
        )
    lines += _grade_lines(summary, summary.score(name))
    held = f"{summary.holdout_length or 0.0:z,.1f}"
    lines += [_line("holdout", held, note=f"weeks after {summary.calibration_end}")]
    lines += _error_table(summary, name)
    lines += _rule_lines(summary)
    if summary.better_money_rules:
        lines += _wrap(
            f'In money the naive rule "{summary.better_money_rules[0]}" wins: its mean error is smaller than that of '
            "the model."
        )
    return lines


def _rule_lines(summary: ModelSummary) -> list[str]:
    """Say which naive rule does better than the model, and by which score."""
    if summary.model is None:
        return []
    model = summary.score(summary.model)
    if summary.better_rules:
        rule = summary.score(summary.better_rules[0])
        own, others = [score.counts.log_score for score in (rule, model) if score.counts is not None]
        score, of_model = decimals_apart(own, others, 4)
        return _wrap(
            f'The naive rule "{rule.name}" wins: its log score on the holdout is {score}, that of the model '
            f"{of_model}; lower is better. Its mean error is {_mean_error(rule.purchases)}, that of the model "
            f"{_mean_error(model.purchases)}. Use the rule where single customers count."
        )
    if summary.better_rules_by_error:
        rule = summary.score(summary.better_rules_by_error[0])
        reasons = {
            "total": " It misses the total by less too.",
            "low": " A mean error prefers forecasts that are too low.",
        }
        error, of_model = decimals_apart(rule.purchases.mean_absolute_error, model.purchases.mean_absolute_error, 4)
        return _wrap(
            f'No naive rule has a better log score than the model. But the mean error of "{rule.name}" is smaller: '
            f"{error} against {of_model}." + reasons.get(reason_of_error(summary, rule.name), "")
        )
    return []


def _grade_lines(summary: ModelSummary, score: ModelScore) -> list[str]:
    """Grade purchases and money, each by what was missed on the holdout, and say what the grade allows."""
    use = {"good": "plan with it", "usable": "use totals and ranks", "not usable": "do not plan with it"}
    if summary.total_is_rough:
        use["usable"] = "use ranks; the total is a rough guide"
    missed = f"total of the holdout missed by {_percent(score.purchases)}; {use.get(summary.grade or '', '')}"
    lines = [_line("grade, purchases", summary.grade or "", note=missed)]
    if score.spend is not None and summary.money_grade is not None:
        use["usable"] = "a rough guide, no basis for a budget"
        missed = f"total of the holdout missed by {_percent(score.spend)}; {use.get(summary.money_grade, '')}"
        lines.append(_line("grade, money", summary.money_grade, note=missed))
    elif summary.value is not None:
        note = "the holdout could not check the money: no basis for a budget"
        lines.append(_line("grade, money", "not known", note=note))
    return lines


def _choice_note(summary: ModelSummary, name: str) -> str:
    """Say what the models were compared by."""
    scores = summary.log_scores or {}
    by_score = name in scores

    def score_of(one: str) -> str:
        if by_score:
            return f"{scores[one]:.4f}" if one in scores else "not usable there"
        return f"{summary.score(one).aic or 0.0:z,.1f}"

    others = [score for score in summary.scores if score.aic is not None and score.name != name]
    beside = ", ".join(f"{one.name} {score_of(one.name)}{' (doubtful)' if one.warnings else ''}" for one in others)
    said = f"AIC {summary.score(name).aic or 0.0:z,.1f}"
    if by_score:
        said = f"log score {score_of(name)} on the last quarter of the calibration, {said}"
    return said + (f"; others: {beside}" if beside else "")


def _error_table(summary: ModelSummary, name: str) -> list[str]:
    """Write the errors on the holdout: the chosen one first, then the naive rules."""
    scores = [summary.score(name), *(rule for rule in summary.rules if rule.name != name)]
    has_money = all(score.spend is not None for score in scores)
    head = f"  {'on the holdout':<28}{'bias, purchases':>16}{'mean error':>12}"
    lines = [head + (f"{'bias, money':>14}{'mean error':>12}" if has_money else "")]
    for score in scores:
        line = f"  {score.name:<27} {_percent(score.purchases):>15} {_mean_error(score.purchases):>11}"
        if score.spend is not None and has_money:
            line += f" {_percent(score.spend):>13} {_mean_error(score.spend):>11}"
        lines.append(line)
    if has_money and any(math.isinf(score.spend.bias) for score in scores if score.spend is not None):
        lines.append("  Not known: the holdout has no money to compare with.")
    return lines


def _about_serving(summary: ModelSummary) -> list[str]:
    """Say that no figure knows the cost of serving, where there is one but no value of the forecast."""
    return _wrap("So no figure takes off the cost of serving a customer.") if summary.service_cost else []


def _forecast_value_lines(summary: ModelSummary) -> list[str]:
    basis = "revenue" if summary.margin is None else f"margin at {as_given(summary.margin)}"
    rate = "" if not summary.discount_rate else f", discounted at {_a_year(summary.discount_rate)}"
    serving = f", less {money(summary.service_cost)} a year for serving each" if summary.service_cost else ""
    note = f"of the base, in {basis}{serving}{rate}"
    if summary.value is None:
        stop = "." if summary.service_cost else ""
        lines = _wrap(f"Value not known: {summary.spend_problem}{stop}") + _about_serving(summary)
    else:
        lines = [_line("value, 52 weeks", money(summary.value), note=note)]
    if summary.value_for_life is not None:
        lines.append(_line("value, for life", money(summary.value_for_life), note=note))
        lines.append("  The value for life reaches far beyond the time that the holdout has checked.")
    if summary.value is not None and summary.margin is None:
        lines.append("  Revenue is not profit: give a margin for a value in margin.")
    if summary.n_zero_spend:
        note = "left out of the spend model: their repeat purchases cost nothing"
        lines.append(_line("customers", f"{summary.n_zero_spend:,}", note=note))
    return lines


def _line(label: str, value: str, *, interval: str = "", note: str = "") -> str:
    """Write a figure after its name; behind it its interval and a note, which may take more lines."""
    front = f"  {label:<24}{value:>12}  {interval:<16}  " if note else f"  {label:<24}{value:>12}  {interval}"
    return "\n".join(_break((front + note).rstrip(), width=_WIDTH, indent=" " * _NOTE))


def _estimate(label: str, estimate: Estimate | None, *, note: str = "", form: str | Callable[..., str] = money) -> str:
    """Write a figure and its interval by a format, or by a function of a number and those beside it."""
    if estimate is None:
        return ""
    known = [x for x in (estimate.value, estimate.low, estimate.high) if x is not None]

    def written(x: float | None) -> str:
        return "?" if x is None else form(x, *known) if callable(form) else format(x, form)

    low, high = written(estimate.low), written(estimate.high)
    interval = "" if low == high == "?" else f"{low} to {high}"
    if estimate.low is not None and estimate.low == estimate.high:  # does not show that the next one is like them
        interval = "all alike"
    return _line(label, written(estimate.value), interval=interval, note=note)


def _wrap(text: str, indent: int = 2) -> list[str]:
    """Write a sentence in lines, indented."""
    return _break(" " * indent + " ".join(text.split()), width=_WIDTH, indent=" " * (indent + 2))


def _break(line: str, *, width: int, indent: str) -> list[str]:
    """Break a line between words; only a word that is longer than the width is broken itself."""
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _percent(error: HoldoutError) -> str:
    return "not known" if math.isinf(error.bias) else f"{points(error.bias)} %"


def _mean_error(error: HoldoutError) -> str:
    return money(error.mean_absolute_error)
