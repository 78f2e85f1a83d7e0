"""The pictures of a report in the words of a language: titles, axes and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._report.page.words import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._report.page.contents import Report
    from crmvalue._report.page.words import Words

__all__ = ["captioned", "group_names", "period_name"]

_ALIKE = 0.05  # shares that differ by less are about the same
_TENTHS = 10


def captioned(report: Report, words: Words) -> dict[str, Parts]:
    """Give the parts of each picture of a report, with all that can be read in the language."""
    return {name: _CAPTIONS[name](picture.parts, report, words) for name, picture in report.pictures.items()}


def group_names(_: Words) -> dict[str, str]:
    """Name the groups of RFM and the stages of the lifecycle."""
    return {
        "Champions": _("Champions"),
        "Loyal": _("Loyal"),
        "Potential Loyalist": _("Potential Loyalist"),
        "New": _("New"),
        "Promising": _("Promising"),
        "Need Attention": _("Need Attention"),
        "About To Sleep": _("About To Sleep"),
        "At Risk": _("At Risk"),
        "Can't Lose Them": _("Can't Lose Them"),
        "Hibernating": _("Hibernating"),
        "Lost": _("Lost"),
        "active": _("active"),
        "sleeping": _("sleeping"),
        "potential churn": _("potential churn"),
        "churned": _("churned"),
    }


def period_name(period: str, _: Words) -> str:
    """Name a period of the calendar."""
    return {"year": _("year"), "half-year": _("half-year"), "quarter": _("quarter"), "month": _("month")}[period]


def _concentration(parts: Parts, report: Report, _: Words) -> Parts:
    customers, value = parts.columns["customer_share"], parts.columns["value_share"]
    half = float(np.nanmax(parts.columns["half_customer_share"]))
    title = _("Half of the revenue comes from %(share)s of the customers", share=_.share(half))
    if half * report.base.n_customers < 1:
        title = _("The best customer brings %(share)s of the revenue", share=_.share(float(value[1])))
    if (value - customers).max() < _ALIKE:
        title = _("All customers bring about the same revenue")
    if report.base.n_customers == 1:
        title = _("One customer brings all of the revenue")
    labels = {"if all were alike": _("if all were alike"), "customers as they are": _("customers as they are")}
    return _said(parts, title, _("Share of the customers, best first"), _("Share of the revenue"), labels)


def _values(parts: Parts, report: Report, _: Words) -> Parts:
    n, mean = report.base.n_customers, parts.columns["mean_clv"]
    sizes = np.array([len(part) for part in np.array_split(np.arange(n), min(n, _TENTHS))])
    total = float((mean * sizes).sum())
    share = float(mean[0] * sizes[0]) / total
    best = _.share(share)
    if n < _TENTHS:
        title = _("The best customer holds %(share)s of the future value", share=best)
        if share > 1:
            title = _("The best customer is worth more than all customers together")
    elif share > 1:  # others cost more than they bring
        title = _("The best %(part)s of the customers are worth more than all customers together", part=_.share(0.1))
    else:
        title = _(
            "The best %(part)s of the customers hold %(share)s of the future value", part=_.share(0.1), share=best
        )
    if mean.max() <= (1 + _ALIKE) * total / n and mean.min() >= (1 - _ALIKE) * total / n:
        title = _("All customers are worth about the same: %(value)s", value=_.money(total / n))
    labels = {
        "mean of the group": _("mean of the group"),
        "95 % interval of the expectation": _("95 % interval of the expectation"),
        "if all were alike": _("if all were alike"),
    }
    x, columns = _("Rank of the customer"), parts.columns
    if n >= _TENTHS:
        x, ends = _("Customers, best first [%]"), 100.0 * np.cumsum(sizes) / n
        columns = {**columns, "customers": np.array([_.count(end) for end in ends])}
    return _said(attrs.evolve(parts, columns=columns), title, x, _("Value of a customer [money]"), labels)


def _groups(parts: Parts, report: Report, _: Words) -> Parts:
    """Name the groups; those without customers are left out, as the table beside it says who they are."""
    names, counts, value = (parts.columns[name] for name in ("group", "n_customers", "value"))
    there = counts > 0
    shares, revenue = counts / report.base.n_customers, value / (value.sum() or 1.0)
    named = group_names(_)
    title = _(
        "%(group)s: %(revenue)s of the revenue from %(customers)s of the customers",
        group=named[str(names[0])], revenue=_.share(revenue[0]), customers=_.share(shares[0]),
    )  # fmt: skip
    columns = {name: column[there] for name, column in parts.columns.items()}
    columns["group"] = np.array([named[str(name)] for name in columns["group"]])
    columns["shares"] = np.array([_.share(share) for share in shares[there]])
    bar, text = parts.layers
    layers = [attrs.evolve(bar, label=_("revenue")), attrs.evolve(text, label=_("share of the customers"))]
    x = attrs.evolve(parts.x, high=float(max(0.0, value.max())) * 1.2 or 1.0)
    parts = attrs.evolve(parts, x=x, columns=columns, layers=layers)
    return _said(parts, title, _("Revenue of the group [money]"), "", {})


def _scores(parts: Parts, report: Report, _: Words) -> Parts:
    counts = parts.columns["n_customers"]
    often = np.isin(parts.columns["f_score"], ["4", "5"]) & np.isin(parts.columns["r_score"], ["1", "2"])
    asleep = float(counts[often].sum()) / report.base.n_customers
    title = _("No customer who bought often has been silent for long")
    if asleep > 0:
        title = _("%(share)s of the customers bought often, but not lately: win them back first", share=_.share(asleep))
    columns = {**parts.columns, "customers": np.array([_.count(count) if count else "" for count in counts])}
    x, y = _("Score of frequency: 5 bought most often"), _("Score of recency: 5 bought last")
    return _said(attrs.evolve(parts, columns=columns), title, x, y, {})


def _due(parts: Parts, report: Report, _: Words) -> Parts:
    most = max(report.groups.due, key=lambda month: report.groups.due[month])
    n_most, n_all = report.groups.due[most], sum(report.groups.due.values())
    title = _(
        "The step of %(month)s months has the most customers due: %(number)s of %(all)s",
        month=_.count(most), number=_.count(n_most), all=_.count(n_all),
    )  # fmt: skip
    columns = {**parts.columns, "due": np.array([_.count(count) for count in parts.columns["n_due"]])}
    return _said(attrs.evolve(parts, columns=columns), title, _("Months without a purchase"), _("Customers due"), {})


def _customer(parts: Parts, report: Report, _: Words) -> Parts:
    who = plain(report.leaving.customer[0])
    days = {"day": _.day(report.leaving.write_by[0]), "who": who}  # type: ignore[index]  # the model's list has them
    title = _("Write by %(day)s: until then, customer %(who)s is more likely active than gone", **days)
    columns = dict(parts.columns)
    if "said" in columns:
        said = _("write by %(day)s", day=days["day"])
        columns["said"] = np.array([said if text else "" for text in columns["said"]])
    labels = {
        "probability to be alive": _("probability to be alive"),
        "if they stay silent": _("if they stay silent"),
        "purchases": _("purchases"),
        "twice the usual gap": _("twice the usual gap"),
    }
    return _said(attrs.evolve(parts, columns=columns), title, _("Day"), _("Probability to be alive"), labels)


_CAPTIONS: dict[str, Callable[[Parts, Report, Words], Parts]] = {
    "concentration": _concentration,
    "values": _values,
    "groups": _groups,
    "scores": _scores,
    "due": _due,
    "customer": _customer,
}


def _said(parts: Parts, title: str, x: str, y: str, labels: dict[str, str]) -> Parts:
    """Give a picture with other words."""
    axes: dict[str, Any] = {"x": attrs.evolve(parts.x, title=x), "y": attrs.evolve(parts.y, title=y)}
    layers = [attrs.evolve(layer, label=labels.get(layer.label, layer.label)) for layer in parts.layers]
    return attrs.evolve(parts, title=title, layers=layers, **axes)
