"""What the data of a report warn of, in sentences; each names one thing and, where there is a remedy, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmvalue._report.base_summary import holds_two_years
from crmvalue._report.models import reason_of_error
from crmvalue._report.page.words import plain
from crmvalue._report.reading.gaps import find_gap, find_late, find_silence
from crmvalue._report.reading.spoiled import (
    find_capitals,
    find_lost,
    find_of_many_lines,
    find_rounded,
    first_line,
    n_lines,
)
from crmvalue._report.reading.totals import find_guests, name_totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from crmvalue._report.base_summary import BaseSummary
    from crmvalue._report.models import ModelSummary
    from crmvalue._report.page.contents import Report
    from crmvalue._report.page.words import Words
    from crmvalue._report.reading.orders import OrderFile
    from crmvalue._report.reading.terms import CustomerTerms

__all__ = ["cautions", "rule_name"]

_MUCH = 0.5  # of the revenue, from a tenth of the customers


def cautions(report: Report, orders: OrderFile | None, words: Words, terms: CustomerTerms | None = None) -> list[str]:
    """Say what to know before the figures are used: most weighty first."""
    return [
        *_of_forecast(report, words),
        *_of_value(report, words),
        *_of_terms(terms, words),
        *_of_base(report, words),
        *_of_rows(report, orders, words),
        *_of_file(report, orders, words),
    ]


def rule_name(rule: str, _: Words) -> str:
    """Name a naive rule."""
    return {
        "same rate as before": _("same rate as before"),
        "churned after a gap": _("churned after a gap"),
        "same as the last period": _("same as the last period"),
    }.get(rule, rule)


def _of_mean_error(models: ModelSummary, _: Words) -> str:
    """Say that a rule has the smaller mean error, and why."""
    best = models.better_rules_by_error[0]
    rule = rule_name(best, _)
    reason = reason_of_error(models, best)
    if reason == "total":
        return _(
            "No naive rule has a better log score than the model. But the mean error of “%(rule)s” is smaller, and it "
            "misses the total of purchases by less too.",
            rule=rule,
        )
    if reason == "low":
        return _(
            "No naive rule has a better log score than the model. But the mean error of “%(rule)s” is smaller; a mean "
            "error prefers forecasts that are too low.",
            rule=rule,
        )
    return _(
        "No naive rule has a better log score than the model. But the mean error of “%(rule)s” is smaller.", rule=rule
    )


def _of_forecast(report: Report, _: Words) -> Iterator[str]:
    models = report.models
    if models.expected_purchases is None:
        yield _(
            "There is no forecast: the log is too short, or has too few customers or repeat purchases, to check one."
        )
        return
    if models.rule is not None:
        yield _(
            "No model can be used on this log. A naive rule makes the forecast: “%(rule)s”.",
            rule=rule_name(models.rule, _),
        )
    if models.model == "NBD":
        yield _("In this log no customer can be shown to have left. So the forecast is at its upper end.")
    if models.unseen_months:
        yield _("The log covers less than a year: seasons that it has not seen are in no forecast.")
    if models.better_rules:
        yield _(
            "For single customers a naive rule had a better log score than the model: “%(rule)s”. Use the rule where "
            "single customers count.",
            rule=rule_name(models.better_rules[0], _),
        )
    elif models.better_rules_by_error:
        yield _of_mean_error(models, _)
    if models.better_money_rules:
        yield _(
            "In money a naive rule missed by less than the model: “%(rule)s”.",
            rule=rule_name(models.better_money_rules[0], _),
        )
    if models.warnings:
        yield _(
            "Those who buy more often spend more or less per purchase. The model of spend supposes that they do not."
        )
    if models.n_zero_spend:
        yield _(
            "Customers whose repeat purchases cost nothing, left out of the model of spend: %(n)s.",
            n=_.count(models.n_zero_spend),
        )


def _of_value(report: Report, _: Words) -> Iterator[str]:
    base, models = report.base, report.models
    if base.revenue is None:
        yield _("The log has no amounts, so there is no value in money.")
    elif models.expected_purchases is not None and models.value is None:
        yield _no_value(models, _)
    if base.revenue is not None and base.margin is None:
        yield _("Revenue is not profit: without a margin, all values are in revenue.")
    if report.own_terms:
        own = ", ".join(f"“{_term(name, _)}”" for name in report.own_terms)
        said = _("These differ by customer: %(terms)s. This page names their means.", terms=own)
        if models.value is not None and report.own_terms != ("acquisition_cost",):
            said += " " + _("The forecast of value rests on those of each customer.")
        yield said
    if report.n_unprofitable:
        n = _.count(report.n_unprofitable)
        yield _("Customers who are expected to cost more than they bring: %(n)s.", n=n)
    yield from _of_churn(base, _)
    if base.revenue is not None and base.last_period is not None and base.last_period.is_uneven:
        yield _(
            "The same customers spent more in some weeks than in others, by more than chance. A log of less than 15 "
            "months cannot tell such a season from customers who leave: what a new customer is worth is not known."
        )
        yield _("Lifetime values of active customers hold for the season of the newest period alone.")


def _of_churn(base: BaseSummary, _: Words) -> Iterator[str]:
    period = base.last_period
    if period is None and holds_two_years(base):
        yield _("Even a year is too short for how rarely these customers buy: churn and lifetime value are not known.")
    elif period is None:
        yield _("The log is too short for how rarely these customers buy: churn and lifetime value are not known.")
    elif period.retention_rate is None:
        yield _("Nobody bought in the period before the newest one: churn and lifetime value are not known.")
    elif base.revenue is not None and period.retention_rate.value >= 1.0:
        yield _("No customer was lost in the newest period: without a discount rate the lifetime value is infinite.")


def _term(name: str, _: Words) -> str:
    return {
        "margin": _("Margin"),
        "discount_rate": _("Discount rate per year"),
        "service_cost": _("Cost of serving a customer per year"),
        "acquisition_cost": _("Acquisition cost per customer"),
    }[name]


def _of_terms(terms: CustomerTerms | None, _: Words) -> Iterator[str]:
    """Say which numbers stand in for those of the table of terms, and whom it has alone."""
    if terms is None:
        return
    for name, n in terms.n_filled:
        yield _(
            "Customers for whom the given “%(term)s” counts, and not that of the table of terms: %(n)s.",
            term=_term(name, _),
            n=_.count(n),
        )
    if terms.n_absent:
        yield _(
            "Customers who are not in the table of terms: %(n)s. They have the numbers that are given for all.",
            n=_.count(terms.n_absent),
        )
    if terms.n_unknown:
        yield _("Customers of the table of terms who are not in the orders: %(n)s.", n=_.count(terms.n_unknown))
    if terms.n_nameless:
        yield _("Rows of the table of terms without a customer, left out: %(n)s.", n=_.count(terms.n_nameless))


def _no_value(models: ModelSummary, _: Words) -> str:
    said = _("There is no value in money: the spend cannot be modelled.")
    return f"{said} {_('Look for outliers in the amounts.')}" if "outliers" in (models.spend_problem or "") else said


def _of_base(report: Report, _: Words) -> Iterator[str]:
    base, period = report.base, report.base.last_period
    held = base.concentration
    if held is not None and held.top_decile_share > _MUCH and base.n_customers > 1:
        yield _("The best 10 %% of the customers bring %(share)s of the revenue: the base depends on few.",
                share=_.share(held.top_decile_share))  # fmt: skip
    if base.n_fell_silent:
        yield _(
            "Frequent buyers who have been silent for over 20 times their mean gap: %(n)s, such as customer %(who)s.",
            n=_.count(base.n_fell_silent),
            who=plain(base.fell_silent),
        )
    if period is not None and period.ignored_days and period.n_ignored:
        yield _(
            "Customers first seen in the first %(days)s days: %(n)s. They may be older than the log, so they do not "
            "count as newcomers.",
            days=_.count(period.ignored_days),
            n=_.count(period.n_ignored),
        )


def _of_rows(report: Report, orders: OrderFile | None, _: Words) -> Iterator[str]:
    counts = report.base.counts
    copies, dropped = counts.n_duplicates_kept, counts.n_duplicates_dropped
    if orders is not None:  # the file has more columns, by which rows are told apart
        n_copies = orders.n_duplicates or 0
        copies, dropped = (0, n_copies) if orders.copies_left_out else (n_copies, 0)
    n_nobody = counts.n_without_customer + (0 if orders is None else orders.n_without_customer)
    n_undated = counts.n_without_date + (0 if orders is None else orders.n_without_date)
    n_infinite = 0 if orders is None else orders.n_infinite
    numbers = [
        (n_nobody, _("Rows without a customer, left out: %(n)s.")),
        (n_undated, _("Rows without a date, left out: %(n)s.")),
        (counts.n_missing, _("Rows without an amount, left out: %(n)s.")),
        (n_infinite, _("Rows with an infinite amount, counted as rows without one: %(n)s.")),
        (counts.n_rows_after_as_of, _("Rows after the last day of observation, left out: %(n)s.")),
        (dropped, _("Exact copies of other rows, left out: %(n)s.")),
        (copies, _("Exact copies of other rows: %(n)s. They count like all others.")),
        (counts.n_refunds_netted, _("Refunds, taken off earlier purchases if there are any: %(n)s.")),
        (counts.n_refunds_dropped, _("Refunds, left out: %(n)s.")),
        (counts.n_zeros_kept, _("Rows with an amount of 0, counted as purchases: %(n)s.")),
        (counts.n_zeros_dropped, _("Rows with an amount of 0, left out: %(n)s.")),
        (counts.n_residues, _("Amounts below 1e-9, counted as 0: %(n)s.")),
        (counts.n_customers_without_purchase, _("Customers without any purchase left: %(n)s.")),
    ]
    for n, text in numbers:
        if n:
            yield text % {"n": _.count(n)}
    if counts.unmatched_refunds:
        yield _("Refunds without an earlier purchase: %(amount)s.", amount=_.money(-counts.unmatched_refunds))


def _of_file(report: Report, orders: OrderFile | None, _: Words) -> Iterator[str]:
    if orders is None:
        return
    yield from _of_dates(orders, report.base.as_of, _)
    if rounded := find_rounded(orders.customer):
        yield _(
            "Customers that a spreadsheet has rounded, such as %(who)s: %(n)s. Different ones may have become one.",
            who=rounded[0],
            n=_.count(len(rounded)),
        )
    yield from _of_currencies(orders, _)
    yield from _of_totals(orders, report.base.as_of, _)
    if lost := find_lost(orders.customer):
        yield _(
            "Customers whose letters were lost, such as “%(who)s”: %(n)s. Save the file again as UTF-8.",
            who=plain(lost[0]),
            n=_.count(len(lost)),
        )
    if long := find_of_many_lines(orders.customer):
        yield _(
            "Customers with rows of the file in their names, such as “%(who)s”: %(n)s, lines in all: %(lines)s. These "
            "rows do not count: look there for a quotation mark too many.",
            who=plain(first_line(long[0])),
            n=_.count(len(long)),
            lines=_.count(n_lines(long)),
        )
    yield from _of_people(orders, _)
    yield from _of_statuses(orders, _)
    yield from _of_reading(orders, _)


def _of_reading(orders: OrderFile, _: Words) -> Iterator[str]:
    if orders.n_duplicates is None:
        yield _("Exact copies of rows were not counted, because a column that is not used is not UTF-8.")
    if orders.encodings:
        found = ", ".join(dict.fromkeys(orders.encodings.values()))
        yield _("Not all is UTF-8. It was read as %(encoding)s, in which the headings are known.", encoding=found)
    if any(" skipped, " in note for note in orders.notes):  # others name what was read, and how
        yield _("Some files were left out. The command says which.")
    if any(" left out" in note for note in orders.notes):
        yield _(
            "Some lines were left out, because they have more or fewer fields than the header. The command says which."
        )
    if orders.unreadable:
        yield _("Some dates, amounts or quantities cannot be read, and count as missing. The command says which.")
    if orders.guessed:
        guessed = ", ".join(f"“{plain(orders.columns[role])}”" for role in orders.columns if role in orders.guessed)
        yield _("Columns that were guessed by their names: %(columns)s.", columns=guessed)


def _of_people(orders: OrderFile, _: Words) -> Iterator[str]:
    if same := find_capitals(orders.customer):
        yield _(
            "E-mails of customers that differ in capitals alone, such as “%(who)s”: %(n)s. They count as different "
            "customers.",
            who=plain(same[0]),
            n=_.count(len(same)),
        )
    for who, n in find_guests(orders):
        yield _(
            "Rows of the customer “%(who)s”, who may stand for all guests of a shop: %(n)s.",
            who=plain(who),
            n=_.count(n),
        )


def _of_statuses(orders: OrderFile, _: Words) -> Iterator[str]:
    found = orders.statuses
    if found.n_left_out:
        yield _("Rows left out for their status: %(n)s.", n=_.count(found.n_left_out))
    if found.no_sale:
        yield _(
            "Rows with a status of no finished sale, such as “%(status)s”: %(n)s. They count like all others.",
            status=plain(found.no_sale[0][0]),
            n=_.count(found.n_rows),
        )
    if found.n_refunded:
        yield _(
            "Rows with a refund in the column “%(column)s”: %(n)s. It is not taken off the amounts.",
            column=plain(found.refund),
            n=_.count(found.n_refunded),
        )
    if found.n_same:
        yield _(
            "Orders of several rows that have the same amount in each of them: %(n)s. If it is the total of the order, "
            "it counts several times.",
            n=_.count(found.n_same),
        )


def _of_dates(orders: OrderFile, as_of: np.datetime64, _: Words) -> Iterator[str]:
    if orders.n_far:
        yield _(
            "Rows whose date is years away from all others, left out: %(n)s. Correct a wrong date in the file.",
            n=_.count(orders.n_far),
        )
    if gap := find_gap(orders, as_of):
        yield _(
            "No order between %(before)s and %(after)s; rows before, which count: %(n)s. If a date stands for none, "
            "take it out of the file.",
            before=_.day(gap.before),
            after=_.day(gap.after),
            n=_.count(gap.n_before),
        )
    for silence in filter(None, (find_silence(orders, as_of), find_late(orders, as_of))):
        yield _(
            "Days without an order after %(day)s: %(n)s; rows of as many days before: %(rows)s. If rows are missing in "
            "the file, retention, spend and value are wrong.",
            day=_.day(silence.before),
            n=_.count(silence.n_days),
            rows=_.count(silence.n_before),
        )
    if orders.n_without_zone:
        yield _(
            "Rows whose date has no time zone, counted on the day that is written: %(n)s.",
            n=_.count(orders.n_without_zone),
        )


def _of_currencies(orders: OrderFile, _: Words) -> Iterator[str]:
    if orders.currencies:
        name, *found = map(plain, orders.currencies)
        yield _(
            "Currencies in the column “%(column)s”: %(n)s, such as %(one)s and %(other)s. Amounts are added up as they "
            "are: convert them to one currency first, if they differ.",
            column=name,
            n=_.count(len(found)),
            one=found[0],
            other=found[1],
        )
    if orders.n_without_currency:
        yield _(
            "Some amounts are in %(currency)s. Rows that name no currency, counted as %(currency)s: %(n)s.",
            currency=orders.currency,
            n=_.count(orders.n_without_currency),
        )


def _of_totals(orders: OrderFile, as_of: np.datetime64, _: Words) -> Iterator[str]:
    counted, late = ([plain(name) for name in names] for names in name_totals(orders, as_of))
    if len(counted) == 1:
        yield _("Counted as a customer: “%(who)s”. If it is the sum of the table, take the row out.", who=counted[0])
    elif counted:
        yield _(
            "Counted as customers: %(who)s. If they are sums of the table, take the rows out.", who=", ".join(counted)
        )
    if late:
        yield _(
            "Left out, because only sums of the table are dated after %(day)s: %(who)s.",
            day=_.day(as_of),
            who=", ".join(late),
        )
