"""How the figures of a report were computed: the data, the terms, the rules and the model, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crmvalue import __version__
from crmvalue._report.page.captions import period_name
from crmvalue._report.page.cautions import rule_name
from crmvalue._report.page.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue._report.page.contents import Report
    from crmvalue._report.page.words import Words
    from crmvalue._report.reading.orders import OrderFile
    from crmvalue.models import HoldoutError, ModelScore

__all__ = ["Checked", "checks_of", "method"]


class Checked(NamedTuple):
    """How far a model or a naive rule was off on the held-back part of the log, as text."""

    name: str
    is_rule: bool
    purchases: str
    mean_purchases: str
    money: str
    mean_money: str


def method(report: Report, orders: OrderFile | None, words: Words) -> list[tuple[str, str]]:
    """Say what each part of the page rests on: name and sentences."""
    lines = [
        *_of_data(report, orders, words),
        *_of_terms(report, words),
        *_of_figures(report, words),
        *_of_models(report, words),
        *_of_people(report, words),
    ]
    return [*lines, (words("Software"), f"crmvalue {__version__}")]


def checks_of(report: Report, words: Words) -> list[Checked]:
    """Give the errors on the held-back part: the one that makes the forecast, then the naive rules."""
    models = report.models
    chosen = models.model or models.rule
    if chosen is None or not models.scores:
        return []
    scores = [models.score(chosen), *(rule for rule in models.rules if rule.name != chosen)]
    return [_checked(score, words) for score in scores]


def _checked(score: ModelScore, words: Words) -> Checked:
    is_rule = score.aic is None
    return Checked(
        rule_name(score.name, words) if is_rule else score.name,
        is_rule,
        *_errors(score.purchases, words),
        *_errors(score.spend, words),
    )


def _errors(error: HoldoutError | None, words: Words) -> tuple[str, str]:
    if error is None:
        return "", ""
    bias = error.bias
    return words.error(bias) if abs(bias) < float("inf") else "–", words.money(error.mean_absolute_error)  # noqa: RUF001 - a dash


def _of_data(report: Report, orders: OrderFile | None, _: Words) -> Iterator[tuple[str, str]]:
    base = report.base
    if orders is not None:
        roles = {"customer": _("customer"), "date": _("date"), "amount": _("amount"), "quantity": _("quantity")}
        columns = "; ".join(f"{roles[role]} = “{plain(column)}”" for role, column in orders.columns.items())
        yield _("Columns of the file"), columns
        if orders.time_zone is not None:
            yield _("Time zone of the days"), orders.time_zone
    n_rows = base.counts.n_rows
    if orders is not None:
        n_rows = (
            orders.n_rows + orders.statuses.n_left_out + (orders.n_duplicates or 0 if orders.copies_left_out else 0)
        )
    yield _("Rows of the log"), _.count(n_rows)
    yield _("Observed"), f"{_.day(base.first_day)} – {_.day(base.as_of)}"  # noqa: RUF001 - a dash between two days
    yield _("Purchase"), _("All orders of a customer on one day are one purchase.")


def _of_terms(report: Report, _: Words) -> Iterator[tuple[str, str]]:
    base = report.base
    if base.margin is not None:
        yield _("Margin"), _.share(base.margin)
    if base.discount_rate is not None:
        yield _("Discount rate per year"), _.share(base.discount_rate)
    if base.acquisition_cost is not None:
        yield _("Acquisition cost per customer"), _.money(base.acquisition_cost)
    if base.service_cost:
        yield _("Cost of serving a customer per year"), _.money(base.service_cost)


def _of_figures(report: Report, _: Words) -> Iterator[tuple[str, str]]:
    base = report.base
    yield _("Intervals"), _("They show what chance does to a figure, not how well the formula of a value fits.")
    if base.last_period is not None:
        yield (
            _("Churn"),
            _(
                "Period: %(period)s. A customer without a purchase in the newest period counts as lost; at the typical "
                "pace, %(share)s would be silent that long by chance, and more of slower customers.",
                period=period_name(base.last_period.name, _),
                share=_.share(base.last_period.prob_silent),
            ),
        )
        if base.revenue is not None:
            said = _("Of an active customer: revenue or margin per period / churn rate. It is before acquisition cost.")
            if base.service_cost:
                said += " " + _("It is also before the cost of serving.")
            if base.value.ltv_revenue is not None:
                alone = _("Its interval shows the uncertainty of the retention rate alone, not that of the spend.")
                said += f" {alone}"
            yield _("Lifetime value"), said
    basis = _("total spend") if report.groups.breaks.spend_basis == "total" else _("mean spend per purchase")
    if not report.groups.has_money:
        yield (
            _("Groups"),
            _(
                "RFM without money: scores from 1 to 5 for days since the last purchase and number of purchases; "
                "5 is best."
            ),
        )
    else:
        yield (
            _("Groups"),
            _(
                "RFM: scores from 1 to 5 for days since the last purchase, number of purchases and %(basis)s; "
                "5 is best.",
                basis=basis,
            ),
        )


def _of_models(report: Report, _: Words) -> Iterator[tuple[str, str]]:
    models = report.models
    if models.expected_purchases is None:
        return
    if models.model is not None:
        parameters = ", ".join(f"{name} = {_.figure(value)}" for name, value in (models.parameters or {}).items())
        yield _("Model of purchases"), f"{models.model} ({parameters})"
    elif models.rule is not None:
        yield _("Naive rule"), rule_name(models.rule, _)
    if models.spend_parameters is not None:
        parameters = ", ".join(f"{name} = {_.figure(value)}" for name, value in models.spend_parameters.items())
        yield _("Model of spend"), f"gamma-gamma ({parameters})"
    if models.calibration_end is not None and models.holdout_length is not None:
        yield (
            _("Test"),
            _(
                "Models were fitted to the days up to %(day)s and compared on the %(weeks)s weeks after it; the best "
                "one was then fitted to the whole log.",
                day=_.day(models.calibration_end),
                weeks=_.number(models.holdout_length, 1),
            ),
        )
    if models.model is not None:
        yield (
            _("Probability to be alive"),
            _("How likely a customer will buy again at all, given their purchases and the model."),
        )
    if models.value is not None:
        said = _(
            "Expected purchases of the next 52 weeks x expected spend of a purchase x margin; without a margin, "
            "revenue."
        )
        if models.discount_rate:
            said += " " + _("Money that comes later counts less, by the discount rate.")
        if models.service_cost:
            said += " " + _("The cost of serving a customer in this time is taken off.")
        yield _("Value of a customer"), said


def _of_people(report: Report, _: Words) -> Iterator[tuple[str, str]]:
    yield (
        _("Win-back"),
        _(
            "Steps at 9, 12, 15 and so on up to 33 months after the last purchase; after 36 months a customer is "
            "churned."
        ),
    )
    if report.leaving.basis == "model":
        yield (
            _("About to be lost"),
            _(
                "More likely active than gone today, and the other way round within four weeks of silence; the highest "
                "value first."
            ),
        )
    else:
        yield (
            _("About to be lost"),
            _("Customers of the groups “Can't Lose Them” and “At Risk”, the highest spend so far first."),
        )
    yield _("Compute again by"), _.day(report.base.recompute_on)
