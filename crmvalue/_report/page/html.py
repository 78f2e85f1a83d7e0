"""The page of a report: the template `page.html` filled with its figures, in a language. Needs the extra `report`."""

from __future__ import annotations

import math
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from crmvalue._core.checks import as_text
from crmvalue._report.base_summary import decimals_of_ratio
from crmvalue._report.page.captions import captioned, group_names, period_name
from crmvalue._report.page.cautions import cautions
from crmvalue._report.page.contents import Report
from crmvalue._report.page.method import checks_of, method
from crmvalue._report.page.people import RECENT_DAYS
from crmvalue._report.page.svg import draw_svg, keys_of
from crmvalue._report.page.words import Words, plain, words_of
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    from crmvalue._report.base_summary import Estimate
    from crmvalue._report.page.words import Language
    from crmvalue._report.reading.orders import OrderFile
    from crmvalue._report.reading.terms import CustomerTerms
    from crmvalue.typing import Interval

__all__ = ["format_report", "import_extras", "make_page"]

_MISSING = "The report needs Jinja2 and matplotlib: pip install 'crmvalue[report]'"


class Figure(NamedTuple):
    """A key figure as text: name, value, interval, and what it is."""

    name: str
    value: str
    interval: str = ""
    note: str = ""


def format_report(report: Report, *, language: Language = "en", name: str | None = None) -> str:
    r"""Write a report as one page of HTML.

    The page holds all that it shows: no script, no link to anywhere, pictures as SVG in it. It reads well on a phone
    and on paper, in light and in dark.

    Parameters
    ----------
    report : Report
        Result of :func:`summarise_report`.
    language : {"en", "uk", "ka", "az"}, default "en"
        English, Ukrainian, Georgian or Azerbaijani. Labels, numbers and days are in the language; names of customers
        stay as they are.
    name : str, optional
        What the report is about, such as the name of the shop; it stands below the title.

    Returns
    -------
    str
        The page. Write it to a file with ``encoding="utf-8"``.

    Raises
    ------
    InputError
        If `report` is no Report, `name` is no text, or there is no such language.
    ModuleNotFoundError
        If the extra `report` is not installed.

    Examples
    --------
    >>> from crmvalue.report import summarise_report
    >>> report = summarise_report([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> format_report(report, language="uk")[:32]
    '<!doctype html>\n<html lang="uk">'
    """
    if not isinstance(report, Report):
        raise InputError("report", "a Report", report, hint="summarise_report makes one")
    return make_page(report, None, language, None if name is None else as_text("name", name))


def import_extras() -> ModuleType:
    """Load Jinja2 and see whether matplotlib is there, or name the extra that has them."""
    try:
        import jinja2
        import matplotlib  # noqa: F401, ICN001 - whether it is there
    except ImportError as error:
        raise ModuleNotFoundError(_MISSING, name=error.name) from error
    return jinja2


def make_page(
    report: Report, orders: OrderFile | None, language: str, name: str | None, terms: CustomerTerms | None = None
) -> str:
    """Do what :func:`format_report` does, with what is known of the file and of the terms of each customer."""
    jinja2 = import_extras()
    words = words_of(language)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    place = resources.files("crmvalue") / "_report" / "page"
    template, style = ((place / file).read_text(encoding="utf-8") for file in ("page.html", "page.css"))
    parts = captioned(report, words)
    pictures = {
        key: {"title": part.title, "keys": keys_of(part), "svg": draw_svg(part, key, words)}
        for key, part in parts.items()
    }
    page: str = environment.from_string(template).render(
        _=words,
        style=style,
        name=None if name is None else plain(name),
        report=report,
        base=report.base,
        models=report.models,
        pictures=pictures,
        tiles=_tiles(report, words),
        sure=_sureness(report, words),
        figures=_figures(report, words),
        groups=_groups(report, words),
        empty_groups=[group_names(words)[group] for group, n in _sizes(report).items() if not n],
        stages=_stages(report, words),
        due_steps=list(report.groups.due.items()),
        recent_days=RECENT_DAYS,
        due=_people(report.due, words),
        leaving=_people(report.leaving, words),
        cautions=cautions(report, orders, words, terms),
        checks=checks_of(report, words),
        method=method(report, orders, words),
    )
    return page


def _tiles(report: Report, _: Words) -> list[Figure]:
    """Give the figures that the page begins with."""
    base, models = report.base, report.models
    tiles = []
    if models.value is not None:
        basis = _("in revenue") if models.margin is None else _("in margin")
        basis += f", {_('less the cost of serving')}" if models.service_cost else ""
        interval = "" if report.value_interval is None else _money_interval(report.value_interval, _)
        tiles.append(Figure(_("Value of the next 52 weeks"), _.money(models.value), interval, basis))
    tiles.append(Figure(_("Customers"), _.count(base.n_customers)))
    if base.revenue is not None:
        tiles.append(Figure(_("Revenue so far"), _.money(base.revenue)))
    else:
        tiles.append(Figure(_("Purchases so far"), _.count(base.n_purchases)))
    if models.share_alive is not None and models.model != "NBD":
        tiles.append(Figure(_("Still active"), _.share(models.share_alive), note=_("expected share of the customers")))
    if models.expected_purchases is not None:
        tiles.append(
            Figure(_("Expected purchases"), _.figure(models.expected_purchases, 2), note=_("in the next 52 weeks"))
        )
    if base.value.ltv_newcomer is not None:
        new = base.value.ltv_newcomer
        tiles.append(
            _figure(_("Value of a new customer"), new, _.money, _("in margin, for life") + _before_serving(report, _))
        )
    return tiles


def _sureness(report: Report, _: Words) -> dict[str, Any] | None:
    """Grade purchases and money in words, and say what the grades rest on."""
    models = report.models
    if models.grade is None:
        return None
    plan, no_plan = _("Plan with it."), _("Do not plan with it.")
    names = {"good": _("good"), "usable": _("usable"), "not usable": _("not usable")}
    uses = {"good": plan, "usable": _("Use totals and ranks, not single customers."), "not usable": no_plan}
    if models.total_is_rough:
        uses["usable"] = _("Use the order of customers; the total is a rough guide.")
    label = _("Forecast of purchases: %(grade)s", grade=names[models.grade])
    grades = [(models.grade, label, uses[models.grade])]
    if models.money_grade is not None:
        uses["usable"] = _("Take it as a rough guide; set no budget by it.")
        label = _("Forecast of money: %(grade)s", grade=names[models.money_grade])
        grades.append((models.money_grade, label, uses[models.money_grade]))
    elif models.value is not None:
        label = _("Forecast of money: %(grade)s", grade=_("not tested"))
        grades.append(("usable", label, _("Take it as a rough guide; set no budget by it.")))
    said = []
    score = models.score(models.model or models.rule or "")
    weeks = _.number(models.holdout_length or 0.0, 1)
    said.append(
        _(
            "Tested on the last %(weeks)s weeks of the log, which were held back: it missed the number of purchases by "
            "%(miss)s.",
            weeks=weeks,
            miss=_.error(score.purchases.bias),
        )
    )
    if score.spend is not None and math.isfinite(score.spend.bias):
        said.append(_("It missed the money by %(miss)s.", miss=_.error(score.spend.bias)))
    if report.value_interval is not None:
        said.append(
            _(
                "The interval of the value holds chance and the uncertainty of the model. A season or a change of the "
                "market may move the value further: by as much as the test was missed."
            )
        )
    return {"grades": grades, "said": said}


def _figures(report: Report, _: Words) -> list[Figure]:
    """Give the key figures with their intervals."""
    base = report.base
    value, period, serving = base.value, base.last_period, _before_serving(report, _)
    found = [
        _figure(
            _("Repeat purchase rate"), base.repeat_purchase_rate, _.share, _("customers with more than one purchase")
        ),
        _figure(_("Purchases per customer"), base.purchases_per_customer, _.number),
        _figure(
            _("Time between purchases"),
            base.time_between_purchases,
            _.number,
            _("days; waits that are not over are left out"),
        ),
        _figure(_("Average order value"), base.average_order_value, _.money),
        _figure(_("Revenue per customer"), base.revenue_per_customer, _.money, _("so far")),
    ]
    if period is not None:
        note = _("period: %(period)s", period=period_name(period.name, _))
        found.append(_figure(_("Retention rate"), period.retention_rate, _.share, note))
        found.append(_figure(_("Revenue per active customer"), period.arpu, _.money, note))
    found += [
        _figure(_("Lifetime value, in revenue"), value.ltv_revenue, _.money, _("of an active customer")),
        _figure(_("Lifetime value, in margin"), value.ltv_margin, _.money, _("of an active customer") + serving),
        _figure(_("Lifetime value, discounted"), value.ltv_discounted, _.money, _("of an active customer") + serving),
    ]
    if value.ltv_to_cac is not None and value.band is not None:
        note = _("of a new customer: %(band)s", band=_band(value.band.name, _))
        if value.lowest_band is not None and value.lowest_band.name != value.band.name:
            note += "; " + _("at the lower end: %(band)s", band=_band(value.lowest_band.name, _))
        form = partial(_.number, digits=decimals_of_ratio(value))
        found.append(_figure("LTV:CAC", value.of_newcomer(value.ltv_to_cac), form, note + serving))
    if value.max_acquisition_cost is not None:
        cost = value.of_newcomer(value.max_acquisition_cost)
        found.append(_figure(_("Acquisition cost, at most"), cost, _.money, _("for an LTV:CAC of 3") + serving))
    return [figure for figure in found if figure.value]


def _before_serving(report: Report, _: Words) -> str:
    """Say of a lifetime value that it does not know the cost of serving, where there is one."""
    return f", {_('before the cost of serving')}" if report.base.service_cost else ""


def _band(name: str, _: Words) -> str:
    return {
        "loss": _("loss"),
        "break-even": _("break-even"),
        "below healthy": _("below healthy"),
        "healthy": _("healthy"),
        "under-invested": _("under-invested"),
        "below typical": _("below typical"),
        "typical": _("typical"),
    }.get(name, name)


def _figure(name: str, estimate: Estimate | None, form: Any, note: str = "") -> Figure:
    if estimate is None:
        return Figure(name, "")
    return Figure(name, form(estimate.value), _interval(estimate.low, estimate.high, form), note)


def _interval(low: float | None, high: float | None, form: Any) -> str:
    if low == high:  # neither is known, or all customers are alike: they do not show that the next one is too
        return ""
    ends = ("?" if end is None else form(end) for end in (low, high))
    return " – ".join(ends)  # noqa: RUF001 - a dash between the ends of an interval


def _money_interval(interval: Interval, _: Words) -> str:
    return _interval(float(interval.low), float(interval.high), _.money)


def _sizes(report: Report) -> dict[str, int]:
    groups = report.groups.groups
    return dict(zip(groups.names, groups.n_customers.tolist(), strict=True))


def _groups(report: Report, _: Words) -> list[dict[str, Any]]:
    """Give one row for each group with customers."""
    groups, parts = report.groups.groups, (report.groups.before, report.groups.now)
    named, actions = group_names(_), _actions(_)
    before, now = (
        {} if part is None else dict(zip(part.names, part.n_customers.tolist(), strict=True)) for part in parts
    )
    rows = []
    for place, group in enumerate(groups.names):
        n = int(groups.n_customers[place])
        if not n:
            continue
        change = now[group] - before[group] if before else None
        rows.append(
            {
                "name": named[group],
                "n": _.count(n),
                "share": _.share(groups.customer_share[place]),
                "bar": round(100.0 * float(groups.customer_share[place]), 1),
                "value_share": "–" if math.isnan(groups.value_share[place]) else _.share(groups.value_share[place]),  # noqa: RUF001 - a dash
                "mean": _.money(groups.mean_value[place]),
                "change": None if change is None else ("+" if change > 0 else "") + _.count(change),
                "urgent": group in report.groups.attention[:2],
                "action": actions[group],
            }
        )
    return rows


def _actions(_: Words) -> dict[str, str]:
    """Say what to do with each group, as :class:`crmvalue.segmentation.SegmentTable` does."""
    return {
        "Champions": _("Thank them, show them what is new first, ask for referrals."),
        "Loyal": _("Offer more of what they like, ask for reviews, keep the programme worth it."),
        "Potential Loyalist": _("Invite them to the programme, recommend what fits."),
        "New": _("Welcome them, help with the start, lead to the second purchase."),
        "Promising": _("Show what else there is; give a small reason to return."),
        "Need Attention": _("Make an offer with an end date, based on past purchases."),
        "About To Sleep": _("Remind them of what they liked."),
        "At Risk": _("Win them back in person: make a good offer, ask what was wrong."),
        "Can't Lose Them": _("Call them; make the best win-back offer there is."),
        "Hibernating": _("Send a cheap reminder now and then; make no costly offers."),
        "Lost": _("Make one last try at no cost, or leave them alone."),
    }


def _stages(report: Report, _: Words) -> list[tuple[str, str]]:
    named, stages = group_names(_), report.groups.stages
    return [(named[name], _.count(n)) for name, n in zip(stages.names, stages.n_customers.tolist(), strict=True)]


def _people(found: Any, _: Words) -> dict[str, Any]:
    """Give the rows of a list of customers as text."""
    named = group_names(_)
    rows = []
    for place in range(len(found)):
        row = {
            "who": plain(found.customer[place]),
            "group": named[str(found.segment[place])],
            "n": _.count(found.n_purchases[place]),
            "last": _.day(found.last_purchase[place]),
            "spend": None if found.total_spend is None else _.money(found.total_spend[place]),
            "month": None if found.month is None else _.count(found.month[place]),
            "alive": None if found.prob_alive is None else _.share(found.prob_alive[place]),
            "clv": None if found.clv is None else _.money(found.clv[place]),
            "write_by": None if found.write_by is None else _.day(found.write_by[place]),
        }
        rows.append(row)
    return {"rows": rows, "n_all": _.count(found.n_all), "is_cut": found.n_all > len(found), "basis": found.basis}
