"""Figures that the sources quote, and how they stand to your own numbers; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_float, as_fraction, as_name, as_positive, as_text
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given, figure
from crmvalue._core.values import (
    checked_field,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    stay_frozen,
    words_field,
)
from crmvalue._ltv.sensitivity import retention_uplift
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["QUOTED_FIGURES", "QuotedFigure", "QuotedFigureChecks", "check_quoted_figures"]

_LTV = "practitioners' articles on LTV"
_TEXTS = "practitioners' texts on CRM, without its origin"
_BROCARD = "case study of BROCARD"
_FIELDS = ("name", "claim", "unit", "source")


@attrs.frozen(kw_only=True)
class QuotedFigure:
    """A figure that a source quotes.

    Parameters
    ----------
    name : str
        Short name.
    claim : str
        What the source says, in a sentence.
    low, high : float
        Ends of the figure; equal if the source gives one number.
    unit : str
        Unit of the figure.
    source : str
        Where it is quoted.
    needs : tuple of str
        Arguments of :func:`check_quoted_figures` that it is checked with.

    Examples
    --------
    >>> QUOTED_FIGURES[0].claim
    'Five points more retention give 25 to 95 % more profit.'
    """

    name: str = checked_field("name", as_name)
    claim: str = checked_field("claim", as_text)
    low: float = number_field("low")
    high: float = number_field("high")
    unit: str = checked_field("unit", as_text)
    source: str = checked_field("source", as_text)
    needs: tuple[str, ...] = words_field("needs")

    def __attrs_post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError("high", f"at least `low` ({as_given(self.low)})", self.high)


def _figure(name: str, claim: str, ends: tuple[float, float], unit: str, source: str, needs: str) -> QuotedFigure:
    return QuotedFigure(
        name=name, claim=claim, low=ends[0], high=ends[1], unit=unit, source=source, needs=tuple(needs.split())
    )


QUOTED_FIGURES: tuple[QuotedFigure, ...] = (
    _figure(
        "retention uplift", "Five points more retention give 25 to 95 % more profit.", (0.25, 0.95),
        "growth of the value of a customer [fraction]", _LTV, "retention_rate discount_rate",
    ),
    _figure(
        "keeping against winning", "Keeping a customer is five to twenty-five times cheaper than winning one.", (5, 25),
        "cost of winning over cost of keeping", _TEXTS, "acquisition_cost retention_cost",
    ),
    _figure(
        "healthy ratio", "An LTV:CAC of around 3 is healthy; from 4 on growth is perhaps too cautious.", (3, 4),
        "LTV:CAC", _LTV, "ltv acquisition_cost",
    ),
    _figure(
        "payback at 5:1", "At an LTV:CAC of about 5 the spend can pay back in four months.", (4, 4),
        "months until the margin covers the cost", _LTV, "acquisition_cost monthly_margin",
    ),
    _figure(
        "good satisfaction", "A CSAT of 0.75 to 0.85 is good.", (0.75, 0.85),
        "share of positive answers [fraction]", "practitioners' texts on CRM", "csat",
    ),
    _figure(
        "fewer sleeping customers", "Sleeping customers became 4.9 times fewer within a year.", (4.9, 4.9),
        "before over now", _BROCARD, "sleeping",
    ),
    _figure(
        "fewer potential churners", "Potential churn became 3.8 times smaller within a year.", (3.8, 3.8),
        "before over now", _BROCARD, "potential_churn",
    ),
    _figure(
        "fewer churned customers", "Churned customers became 1.5 times fewer within a year.", (1.5, 1.5),
        "before over now", _BROCARD, "churned",
    ),
    _figure(
        "turnover by certificates", "Electronic certificates are expected to add 6 % to the turnover.", (0.06, 0.06),
        "growth of the turnover [fraction]", _BROCARD, "turnover_growth",
    ),
)  # fmt: skip
"""Figures that the sources quote, each with its source. They are claims to check, not laws."""


@stay_frozen
@attrs.frozen(kw_only=True)
class QuotedFigureChecks(Columns):
    """Quoted figures beside what your own numbers give.

    Parameters
    ----------
    name, claim, unit, source : tuple of str
        As in :class:`QuotedFigure`, a row for each figure that was checked.
    low, high : ndarray
        Ends of the quoted figure.
    own : ndarray
        Your own figure, in the same unit; infinite where nothing is left to divide by.
    not_checked : tuple of str
        Figures that were not checked, with what they need.

    Examples
    --------
    >>> checks = check_quoted_figures(csat=0.7)
    >>> checks.verdict, len(checks.not_checked)
    (('below',), 8)
    """

    name: tuple[str, ...] = words_field("name")
    claim: tuple[str, ...] = words_field("claim")
    unit: tuple[str, ...] = words_field("unit")
    source: tuple[str, ...] = words_field("source")
    low: Floats = number_column("low")
    high: Floats = number_column("high")
    own: Floats = number_column("own", infinite=True)
    not_checked: tuple[str, ...] = words_field("not_checked", default=())

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.name), ("claim", "unit", "source", "low", "high", "own"), "figures")
        require_at_most(self, "low", "high")

    @property
    def verdict(self) -> tuple[str, ...]:
        """Whether your figure is "below", "within" or "above" the quoted one.

        Within is what rounds to an end of the quoted figure, to as many decimals as it has.
        """
        half = np.array([0.5 * 10.0 ** -_decimals(low, high) for low, high in zip(self.low, self.high, strict=True)])
        words = np.where(self.own < self.low - half, "below", np.where(self.own >= self.high + half, "above", "within"))
        return tuple(words.tolist())

    def statements(self) -> list[str]:
        """Say of each figure what the source claims and what you have; with no figure, what is needed."""
        rows = zip(self.claim, self.source, self.own, self.unit, self.verdict, strict=True)
        if not self.name:
            return [f"No figure is checked: {'; '.join(self.not_checked)}."]
        return [
            f"{claim} (Source: {source}.) Yours: {_written(value)}, {unit}: {verdict}."
            for claim, source, value, unit, verdict in rows
        ]

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, a row for each figure, for a dataframe of any kind."""
        texts = {name: np.array(getattr(self, name)) for name in _FIELDS}
        numbers = {name: getattr(self, name) for name in ("low", "high", "own")}
        return {
            "name": texts["name"], "claim": texts["claim"], **numbers, "verdict": np.array(self.verdict),
            "unit": texts["unit"], "source": texts["source"],
        }  # fmt: skip

    def to_json(self) -> str:
        """Write the checks as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> QuotedFigureChecks:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def _written(value: float) -> str:
    return figure(value, digits=3) if math.isfinite(value) else "more than any number"


def _decimals(*ends: float) -> int:
    exponents = (Decimal(repr(float(end)).removesuffix(".0")).as_tuple().exponent for end in ends)
    return max(0, *(-int(exponent) for exponent in exponents))


def check_quoted_figures(
    *,
    retention_rate: float | None = None,
    discount_rate: float | None = None,
    acquisition_cost: float | None = None,
    retention_cost: float | None = None,
    ltv: float | None = None,
    monthly_margin: float | None = None,
    csat: float | None = None,
    sleeping: tuple[float, float] | None = None,
    potential_churn: tuple[float, float] | None = None,
    churned: tuple[float, float] | None = None,
    turnover_growth: float | None = None,
) -> QuotedFigureChecks:
    """Compare the figures that the sources quote with your own numbers; give what you have.

    Parameters
    ----------
    retention_rate, discount_rate : float, optional
        Share of customers kept in a period, in [0, 0.95], and the rate per period, >= 0: for the retention uplift.
    acquisition_cost : float, optional
        Cost of winning a customer [money], > 0.
    retention_cost : float, optional
        Cost of keeping a customer [money], > 0, over the time that you compare with winning one.
    ltv : float, optional
        Lifetime value in margin, before acquisition cost [money], >= 0.
    monthly_margin : float, optional
        Margin of a new customer in a month [money], > 0.
    csat : float, optional
        Share of positive answers, in [0, 1].
    sleeping, potential_churn, churned : tuple of two floats, optional
        Customers of the group a year ago and now, >= 0: (9_800, 2_000).
    turnover_growth : float, optional
        Growth of the turnover since certificates are sold, beyond what it would have been [fraction], >= -1.

    Returns
    -------
    QuotedFigureChecks
        A row for each figure whose arguments are given; the others are named in `not_checked`.

    Raises
    ------
    InputError
        If a number is outside its range.

    Notes
    -----
    The figures are in :data:`QUOTED_FIGURES`. The uplift is that of :func:`retention_uplift` over an endless horizon.
    Payback is acquisition cost over monthly margin: it leaves out those who leave before.

    Examples
    --------
    >>> checks = check_quoted_figures(
    ...     retention_rate=0.80, discount_rate=0.10, acquisition_cost=100, retention_cost=40, sleeping=(9_800, 2_000)
    ... )
    >>> checks.name
    ('retention uplift', 'keeping against winning', 'fewer sleeping customers')
    >>> checks.own.round(2), checks.verdict
    (array([0.2, 2.5, 4.9]), ('below', 'below', 'within'))
    """
    rates = {"retention_rate": retention_rate, "csat": csat}
    given: dict[str, Any] = {
        name: as_fraction(name, value, closed=True) for name, value in rates.items() if value is not None
    }
    if given.get("retention_rate", 0.0) > 0.95:
        raise InputError("retention_rate", "at most 0.95, so that five points more are possible", retention_rate)
    if given.get("retention_rate") == 0.95 and discount_rate == 0:
        raise InputError("discount_rate", "above 0 where five points more keep all customers", discount_rate)
    amounts = {
        "acquisition_cost": acquisition_cost, "retention_cost": retention_cost, "monthly_margin": monthly_margin,
    }  # fmt: skip
    given |= {name: as_positive(name, value) for name, value in amounts.items() if value is not None}
    others = {"discount_rate": discount_rate, "ltv": ltv}
    given |= {name: as_positive(name, value, zero=True) for name, value in others.items() if value is not None}
    groups = {"sleeping": sleeping, "potential_churn": potential_churn, "churned": churned}
    given |= {name: _before_and_now(name, value) for name, value in groups.items() if value is not None}
    if turnover_growth is not None:
        given["turnover_growth"] = growth = as_float("turnover_growth", turnover_growth)
        if growth < -1:
            raise InputError("turnover_growth", ">= -1", growth, hint="a fraction, not percent")

    checked = [figure for figure in QUOTED_FIGURES if all(name in given for name in figure.needs)]
    missing = [figure for figure in QUOTED_FIGURES if figure not in checked]
    return QuotedFigureChecks(
        **{name: tuple(getattr(figure, name) for figure in checked) for name in _FIELDS},
        low=np.array([figure.low for figure in checked]),
        high=np.array([figure.high for figure in checked]),
        own=np.array([_own(figure.name, given) for figure in checked]),
        not_checked=tuple(f"{figure.name}: needs {', '.join(figure.needs)}" for figure in missing),
    )


def _before_and_now(name: str, value: Any) -> float:
    """Give how many times fewer customers there are now."""
    rule = "two numbers of customers, before and now"
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(name, rule, value)
    before, now = (as_positive(name, number, zero=True) for number in value)
    if before == 0:
        raise InputError(name, f"{rule}, before above 0", value)
    return before / now if now else math.inf


def _own(name: str, given: dict[str, Any]) -> float:
    if name == "retention uplift":
        return float(retention_uplift(given["retention_rate"], given["discount_rate"]))
    if name == "keeping against winning":
        return float(given["acquisition_cost"] / given["retention_cost"])
    if name == "healthy ratio":
        return float(given["ltv"] / given["acquisition_cost"])
    if name == "payback at 5:1":
        return float(given["acquisition_cost"] / given["monthly_margin"])
    (only,) = next(figure.needs for figure in QUOTED_FIGURES if figure.name == name)
    return float(given[only])
