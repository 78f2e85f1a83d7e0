"""What a report shows: the three summaries, the customers to write to, and the pictures.

The public door is :mod:`crmvalue.report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import plain_text
from crmvalue._core.labels import also_equal, spoken_for
from crmvalue._core.pictures.parts import Axis, Layer, Parts
from crmvalue._core.pictures.pictured import Picture, picture_of
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_field,
    interval_field,
    of_class,
    stay_frozen,
    words_field,
)
from crmvalue._purchases.order_log import Log, Policy, condense, find_purchases, read_log
from crmvalue._report.base import summarise_base_log
from crmvalue._report.base_summary import BaseSummary
from crmvalue._report.groups import GroupSummary, summarise_groups_log
from crmvalue._report.models import Fitted, ModelSummary, Outlook, summarise_models_log
from crmvalue._report.page.people import CustomerList, find_due, find_leaving, find_silent
from crmvalue.errors import InputError
from crmvalue.models import CustomerValues, customer_values
from crmvalue.plots import customer_history
from crmvalue.purchases import PurchaseHistory, to_history
from crmvalue.segmentation import RfmScores, SpendBasis, lorenz_curve
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._purchases.order_log import Purchases
    from crmvalue._report.reading.terms import CustomerTerms
    from crmvalue.purchases import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike

__all__ = ["Report", "assemble", "summarise_report"]

_LEVEL = 0.95
_SEED = 20_240_229  # one state of randomness: the same log gives the same page


def _as_pictures(name: str, value: object) -> Mapping[str, Picture]:
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping of names to pictures", value)
    check = of_class(Picture)
    return FixedMapping((str(plain_text(key)), check(f"{name}[{key!r}]", picture)) for key, picture in value.items())


@stay_frozen
@attrs.frozen(kw_only=True)
class Report:
    """All that a report shows; :func:`format_report` makes the page.

    Parameters
    ----------
    base : BaseSummary
        What the customers have done and are worth.
    groups : GroupSummary
        Their groups.
    models : ModelSummary
        What they will do.
    value_interval : Interval or None
        95 % interval of `models.value` [money]: the spread of what customers do by chance, and the uncertainty of the
        parameters, whichever is wider at each end. None without a model whose fit can be trusted.
    due : CustomerList
        The first customers who are due in a first run of the default win-back cascade.
    leaving : CustomerList
        The first customers who are about to be lost and worth keeping.
    own_terms : tuple of {"margin", "discount_rate", "service_cost", "acquisition_cost"}
        Terms that differ by customer; those in `base` and `models` are then means.
    n_unprofitable : int
        Customers with a value below 0 within the horizon: they are expected to cost more than they bring.
    pictures : mapping of str to Picture
        "concentration", "values", "groups", "scores", "due" and "customer", as far as the log allows.

    Examples
    --------
    >>> report = summarise_report([1, 1, 2], ["2024-01-01", "2024-03-01", "2023-01-10"], [10, 20, 30])
    >>> report.due.customer, list(report.pictures)
    (array([2]), ['concentration', 'groups', 'scores', 'due'])
    """

    base: BaseSummary = checked_field("base", of_class(BaseSummary))
    groups: GroupSummary = checked_field("groups", of_class(GroupSummary))
    models: ModelSummary = checked_field("models", of_class(ModelSummary))
    value_interval: Interval | None = interval_field("value_interval", optional=True)
    due: CustomerList = checked_field("due", of_class(CustomerList))
    leaving: CustomerList = checked_field("leaving", of_class(CustomerList))
    own_terms: tuple[str, ...] = words_field("own_terms", default=())
    n_unprofitable: int = count_field("n_unprofitable", default=0)
    pictures: Mapping[str, Picture] = checked_field("pictures", _as_pictures)

    def __attrs_post_init__(self) -> None:
        days = self.base.as_of, self.groups.as_of, self.models.as_of
        if len(set(map(str, days))) > 1:
            raise InputError("base", "of the same day as `groups` and `models`", tuple(map(str, days)))
        n = self.base.n_customers
        for name, count in (
            ("n_unprofitable", self.n_unprofitable), ("due", self.due.n_all), ("leaving", self.leaving.n_all),
        ):  # fmt: skip
            if count > n:
                raise InputError(name, f"at most the {n} customers of `base`", count)
        if self.value_interval is not None and self.models.value is None:
            raise InputError("value_interval", "None where `models` has no value", tuple(self.value_interval))


def summarise_report(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    margin: float | None = None,
    acquisition_cost: float | None = None,
    discount_rate: float | None = None,
    as_of: ArrayLike | None = None,
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
    spend_basis: SpendBasis = "total",
) -> Report:
    """Measure all that a report shows of an order log.

    Parameters
    ----------
    customer, date, amount, margin, acquisition_cost, discount_rate, as_of, refunds, zeros, missing, duplicates
        As in :func:`summarise_base`.
    spend_basis : {"total", "mean"}, default "total"
        As in :func:`summarise_groups`.

    Returns
    -------
    Report
        Three summaries, two lists of customers and the pictures; :func:`format_report` makes a page of it.

    Raises
    ------
    InputError
        As :func:`summarise_base`, :func:`summarise_groups` and :func:`summarise_models`.

    Notes
    -----
    A customer is about to be lost if they are more likely active than gone today, and the other way round after four
    more weeks of silence. Those with the highest value of the next 52 weeks come first; without amounts, those with the
    most purchases. If the model knows no leaving, or none is usable, the list has the customers of the groups "Can't
    Lose Them" and "At Risk" with the highest spend.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> report = summarise_report(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3)
    >>> report.leaving.n_all, str(report.leaving.write_by[0])
    (21, '1998-07-17')
    """
    log = read_log(customer, date, amount, time_unit="day", grain="day", missing=missing)
    policy = Policy(refunds, zeros, missing, duplicates)
    money: dict[str, Any] = {"margin": margin, "discount_rate": discount_rate, "as_of": as_of}
    base = summarise_base_log(log, policy, acquisition_cost=acquisition_cost, **money)
    money["as_of"] = base.as_of
    with spoken_for():  # what is odd about the log has been said
        groups = summarise_groups_log(log, policy, as_of=base.as_of, spend_basis=spend_basis)
        outlook = summarise_models_log(log, policy, **money)
    return assemble(log, policy, base, groups, outlook)


def assemble(
    log: Log,
    policy: Policy,
    base: BaseSummary,
    groups: tuple[GroupSummary, dict[str, npt.NDArray[Any]]],
    outlook: Outlook,
    *,
    terms: CustomerTerms | None = None,
) -> Report:
    """Make a report of the three parts of the overview, for a log that has been read."""
    purchases, counts = find_purchases(log, policy, None, base.as_of, "day")
    history = to_history(condense(log, purchases, counts), base.as_of, "week", "day")
    summary, scored = groups
    segment: npt.NDArray[np.str_] = scored["segment"]
    values, interval = _values(outlook)
    leaving = _leaving(history, segment, outlook)
    pictures: dict[str, Picture] = {}
    spend = history.total_spend
    if spend is not None and spend.any():
        pictures["concentration"] = picture_of(lorenz_curve(spend))
    if values is not None and values.total > 0:
        pictures["values"] = picture_of(values)
    if spend is not None:
        pictures["groups"] = picture_of(summary.groups)
    pictures["scores"] = picture_of(_scores(scored))
    if summary.due:
        pictures["due"] = Picture(_due_parts(summary))
    if leaving.basis == "model" and len(leaving) and outlook.fitted is not None:
        days = _days_of(leaving.customer[0], log, purchases)
        pictures["customer"] = customer_history(
            days, outlook.fitted.purchases.model, as_of=base.as_of, horizon=_ahead(days, base.as_of)
        )
    return Report(
        base=base,
        groups=summary,
        models=outlook.summary,
        value_interval=interval,
        due=find_due(history, segment),
        leaving=leaving,
        own_terms=() if terms is None else terms.varying(),
        n_unprofitable=0 if outlook.columns is None else int(np.count_nonzero(outlook.columns["clv"] < 0.0)),
        pictures=pictures,
    )


def _values(outlook: Outlook) -> tuple[CustomerValues | None, Interval | None]:
    """Give the values of the customers with intervals, where the fits allow them, and the interval of the sum."""
    fitted, horizon = outlook.fitted, outlook.summary.horizon
    if fitted is None or fitted.spend is None:
        return None, None
    with spoken_for():  # the page says itself what its figures rest on
        try:
            values = _value(fitted, horizon, level=_LEVEL, rng=np.random.default_rng(_SEED))
        except InputError:  # a fit that gives figures, but no uncertainty
            return _value(fitted, horizon), None
    found = values.intervals
    if found is None:
        return values, None
    low, high = (end(found.total[k], found.total_outcome[k]) for k, end in enumerate((min, max)))
    return values, Interval(low, high)


def _value(fitted: Fitted, horizon: float, **options: Any) -> CustomerValues:
    spend: Any = fitted.spend
    return customer_values(fitted.history, fitted.purchases, spend, horizon=horizon, **fitted.money, **options)


def _leaving(history: PurchaseHistory, segment: npt.NDArray[np.str_], outlook: Outlook) -> CustomerList:
    """List who is about to be lost, by the model if it knows of leaving, else by the groups."""
    if outlook.fitted is None or outlook.columns is None or outlook.summary.model == "NBD":
        return find_silent(history, segment)
    clv = None if outlook.fitted.spend is None else outlook.columns["clv"]
    return find_leaving(
        outlook.fitted.history, segment, outlook.fitted.purchases.model, outlook.columns["prob_alive"], clv
    )


def _scores(scored: Mapping[str, npt.NDArray[Any]]) -> RfmScores:
    r, f = scored["r_score"], scored["f_score"]
    return RfmScores(r_score=r, f_score=f, m_score=scored.get("m_score", f), n_bins=5)


def _due_parts(groups: GroupSummary) -> Parts:
    """Draw how many customers are due at each step of the cascade."""
    months, counts = list(groups.due), list(groups.due.values())
    largest, most = months[int(np.argmax(counts))], max(counts)
    equal = also_equal(counts.count(most))
    return Parts(
        title=f"The step of {largest} months has the most customers due: {most:,} of {sum(counts):,}{equal}",
        x=Axis(title="Months without a purchase", form="name"),
        y=Axis(title="Customers due", form="count", low=0, high=1.12 * max(counts)),
        columns={
            "month": [str(month) for month in months],
            "n_due": np.array(counts, dtype=np.float64),
            "due": [f"{count:,}" for count in counts],
        },
        layers=[Layer(mark="bar", x="month", y="n_due"), Layer(mark="text", x="month", y="n_due", text="due")],
    )


def _days_of(customer: Any, log: Log, purchases: Purchases) -> npt.NDArray[np.datetime64]:
    code = int(np.searchsorted(log.ids, customer))
    days = purchases.day[purchases.start[code] : purchases.start[code + 1]]
    return days.astype("datetime64[D]")


def _ahead(days: npt.NDArray[np.datetime64], as_of: np.datetime64) -> float:
    """Weeks to look ahead of one customer: enough to see the curve fall, within what they have shown."""
    return float(np.clip((as_of - days[0]).astype(np.int64) / 7.0 / 3.0, 8.0, 52.0))
