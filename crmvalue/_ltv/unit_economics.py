"""Value against acquisition cost: the ratio, its bands and benchmarks; :mod:`crmvalue.ltv` is their public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_flag,
    as_float,
    as_floats,
    as_ordered_items,
    as_text,
    require,
    require_choice,
)
from crmvalue._core.comparisons import just_below
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, number_field, plain_given
from crmvalue._ltv.checks import LEAST_AMOUNT, require_not_negative
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray

__all__ = [
    "LTV_TO_CAC_BANDS",
    "LTV_TO_CAC_BENCHMARKS",
    "LtvToCacBand",
    "LtvToCacBands",
    "LtvToCacBenchmark",
    "ltv_to_cac",
    "ltv_to_cac_band",
    "ltv_to_cac_benchmark",
    "max_acquisition_cost",
]


def _upper_end(value: ArrayLike) -> float:
    value = plain_given(value)
    no_end = value is None or (isinstance(value, float) and value == math.inf)
    return math.inf if no_end else as_float("high", value)


def _as_bands(name: str, value: Iterable[LtvToCacBand]) -> tuple[LtvToCacBand, ...]:
    bands = tuple(as_ordered_items(name, value, "a list of LtvToCacBand"))
    for index, band in enumerate(bands):
        if not isinstance(band, LtvToCacBand):
            raise InputError(name, "a list of LtvToCacBand", band, index=index)
    return bands


@attrs.frozen(kw_only=True)
class LtvToCacBand:
    """One band of LTV:CAC ratios, from `low` (in) to `high` (out).

    Parameters
    ----------
    name : str
        Short name of the band.
    low, high : float
        Ends [ratio], `low` < `high`; the last band has no upper end: `high` is inf or None.
    message : str
        Meaning of the band for the business.

    Examples
    --------
    >>> LtvToCacBand(name="loss", low=0, high=1, message="loses money").high
    1.0
    """

    name: str = checked_field("name", as_text)
    low: float = checked_field("low", as_float)
    high: float = attrs.field(converter=_upper_end)
    message: str = checked_field("message", as_text)

    def __attrs_post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError("high", f"above `low` ({self.low})", self.high)


@attrs.frozen(kw_only=True)
class LtvToCacBands:
    """Bands of LTV:CAC ratios; every ratio from 0 up is in exactly one band.

    Parameters
    ----------
    bands : iterable of LtvToCacBand
        In ascending order. The first starts at 0, each other one at the end of the band before, the last ends at inf.

    Examples
    --------
    >>> own = LtvToCacBands(
    ...     bands=[
    ...         LtvToCacBand(name="no", low=0, high=3, message="stop"),
    ...         LtvToCacBand(name="yes", low=3, high=None, message="go"),
    ...     ]
    ... )
    >>> LtvToCacBands.from_json(own.to_json()) == own
    True
    """

    bands: tuple[LtvToCacBand, ...] = checked_field("bands", _as_bands)

    def __attrs_post_init__(self) -> None:
        end = 0.0
        for index, band in enumerate(self.bands):
            if band.low != end:
                raise InputError("bands", f"without gap or overlap: a band must start at {end}", band.low, index=index)
            end = band.high
        if end != math.inf:
            raise InputError("bands", "open at the top: the last band must end at inf", end)

    def to_json(self) -> str:
        """Write the bands as JSON text; the open end is "inf"."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> LtvToCacBands:
        """Read bands that :meth:`to_json` wrote, and check them; other text is an InputError."""
        return from_json(cls, text, LtvToCacBand)


@attrs.frozen(kw_only=True)
class LtvToCacBenchmark:
    """Usual LTV:CAC ratio of an industry, from one source.

    Parameters
    ----------
    industry : str
        Industry or business model.
    low, high : float
        Ends of the usual range [ratio]; equal if the source gives one figure.
    source : str
        Source of the figure.

    Examples
    --------
    >>> LTV_TO_CAC_BENCHMARKS[0]
    LtvToCacBenchmark(industry='B2B SaaS', low=4.0, high=4.0, source="practitioners' articles on LTV")
    """

    industry: str = checked_field("industry", as_text)
    low: float = number_field("low", low=0.0)
    high: float = number_field("high", low=0.0)
    source: str = checked_field("source", as_text)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise InputError("high", "at least `low`, which is at least 0", (self.low, self.high))


LTV_TO_CAC_BANDS = LtvToCacBands(
    bands=(
        LtvToCacBand(name="loss", low=0, high=1, message="Loses money."),
        LtvToCacBand(name="break-even", low=1, high=2, message="Breaks even, risky."),
        LtvToCacBand(name="below healthy", low=2, high=3, message="Earns its cost, but below the healthy 3."),
        LtvToCacBand(name="healthy", low=3, high=4, message="Healthy."),
        LtvToCacBand(
            name="under-invested",
            low=4,
            high=None,
            message="Profitable, perhaps growing too cautiously. In some industries 4 is usual: give the industry.",
        ),
    )
)
"""Bands of practitioners' articles on LTV, which say nothing of 2 to 3; a boundary belongs to the higher band."""

_TEXTS = "practitioners' articles on LTV"

LTV_TO_CAC_BENCHMARKS: tuple[LtvToCacBenchmark, ...] = tuple(
    LtvToCacBenchmark(industry=industry, low=low, high=high, source=source)
    for industry, low, high, source in (
        ("B2B SaaS", 4.0, 4.0, _TEXTS),
        ("B2C SaaS", 5.0, 5.0, f"{_TEXTS}, two of them"),
        ("B2C SaaS", 2.5, 2.5, f"{_TEXTS}, a third one"),
        ("adtech", 7.0, 7.0, _TEXTS),
        ("cybersecurity", 5.0, 5.0, _TEXTS),
        ("fintech", 5.0, 5.0, _TEXTS),
        ("edtech", 5.0, 5.0, _TEXTS),
        ("design", 6.0, 6.0, _TEXTS),
        ("business services", 3.0, 3.0, _TEXTS),
        ("industry", 3.0, 4.0, _TEXTS),
        ("pharma", 3.0, 4.0, _TEXTS),
        ("biotech", 4.0, 4.0, _TEXTS),
        ("business consulting", 4.0, 4.0, _TEXTS),
        ("construction", 4.0, 4.0, _TEXTS),
        ("financial services", 4.0, 4.0, _TEXTS),
        ("real estate", 4.0, 4.0, _TEXTS),
        ("paid channels only", 2.5, 2.5, _TEXTS),
    )
)
"""Usual ratios by industry; the sources disagree on B2C SaaS, and the table has both figures."""


def ltv_to_cac(ltv: ArrayLike, acquisition_cost: ArrayLike, *, net: bool = False) -> FloatOrArray:
    r"""Ratio of lifetime value to acquisition cost (LTV:CAC).

    Basis: value **before** acquisition cost. For a value net of this cost, as :func:`ltv_npv` and
    :func:`ltv_net_of_costs` give it, pass ``net=True``: the cost is then added back first. Without ``net=True`` the
    example of :func:`ltv_npv` (302.78 before, 202.78 net, cost 100) would give 2.03 instead of 3.03, another band.

    Parameters
    ----------
    ltv : array_like
        Lifetime value of a customer [money], of any sign. A value in revenue gives a ratio that is too good; take a
        value in margin.
    acquisition_cost : array_like
        Cost to win a customer [money], > 0; less than 1e-15 counts as 0.
    net : bool, default False
        Whether `ltv` is already net of `acquisition_cost`.

    Returns
    -------
    float or numpy.ndarray
        Value for one unit of acquisition cost.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, the shapes do not broadcast, or `net` is no bool.

    Notes
    -----
    .. math:: \frac{\mathrm{LTV}}{\mathrm{CAC}} \quad\text{or, for a net value,}\quad
        \frac{\mathrm{LTV} + \mathrm{CAC}}{\mathrm{CAC}}

    Source: practitioners' articles on LTV.

    Examples
    --------
    >>> print(ltv_to_cac(302.78, 100).round(2), ltv_to_cac(202.78, 100, net=True).round(2))
    3.03 3.03
    """
    value, cost = as_floats(ltv=ltv, acquisition_cost=acquisition_cost)
    hint = f"a cost of 0 has no ratio, and less than {LEAST_AMOUNT:g} counts as 0"
    require(cost >= LEAST_AMOUNT, "acquisition_cost", cost, "> 0", hint=hint)

    before = value + cost if as_flag("net", net) else value

    ratio: FloatOrArray = (before / cost)[()]
    return ratio


def ltv_to_cac_band(
    ratio: ArrayLike, *, bands: LtvToCacBands = LTV_TO_CAC_BANDS, industry: str | None = None
) -> LtvToCacBand | npt.NDArray[np.object_]:
    """Find the band of an LTV:CAC ratio, in general or in its industry; a boundary belongs to the higher band.

    Basis: ratio of value before acquisition cost (:func:`ltv_to_cac`).

    Parameters
    ----------
    ratio : array_like
        LTV:CAC, >= 0. A negative value has no band.
    bands : LtvToCacBands, default LTV_TO_CAC_BANDS
        The bands, for all industries.
    industry : str, optional
        As in :data:`LTV_TO_CAC_BENCHMARKS`, such as "B2B SaaS". The ratio is then compared with what is usual there.
        It cannot be given together with `bands`.

    Returns
    -------
    LtvToCacBand or numpy.ndarray of LtvToCacBand
        One band for one ratio, an object array for an array. With an industry the bands are "loss" below 1,
        "break-even" below 2, "below typical", "typical", and "under-invested" above what is usual in the industry.

    Raises
    ------
    InputError
        If a ratio is NaN, infinite or below 0, `bands` is no :class:`LtvToCacBands`, or the industry is not in the
        table.

    Notes
    -----
    The band with low <= ratio < high; a ratio that only rounding keeps below a boundary has reached it.

    Source of the default bands: practitioners' articles on LTV. They do not name the range from 2 to 3; here it is
    "below healthy". They also call 4 usual for B2B SaaS, and 4 to 5 too cautious: so a ratio of 4 is "under-invested"
    in general and "typical" of B2B SaaS.

    Typical is what rounds to a figure of the sources: a figure of 4 stands for 3.5 to 4.5, one of 2.5 for 2.25 to 2.75.
    Where the sources give several figures, typical reaches from the lowest to the highest.

    Examples
    --------
    >>> ltv_to_cac_band(3.03).name
    'healthy'
    >>> [band.name for band in ltv_to_cac_band([0.99, 1, 2])]
    ['loss', 'break-even', 'below healthy']
    >>> ltv_to_cac_band(4, industry="B2B SaaS").message
    'Typical of B2B SaaS, where 4 is usual.'
    """
    (values,) = as_floats(ratio=ratio)
    require_not_negative(ratio=values)
    if not isinstance(bands, LtvToCacBands):
        raise InputError("bands", "an LtvToCacBands", bands)
    if industry is not None:
        if bands is not LTV_TO_CAC_BANDS:
            raise InputError("bands", "left out where `industry` is given", bands)
        bands = _bands_of_industry(industry)

    place = np.searchsorted(just_below(np.array([band.low for band in bands.bands])), values, side="right") - 1

    found: Any = np.array(bands.bands, dtype=object)[place]
    return found  # type: ignore[no-any-return]  # an element or an array, by the shape of `ratio`


def _bands_of_industry(industry: str) -> LtvToCacBands:
    """Make bands around the figures of an industry; the first two mean a loss in every industry."""
    rows = ltv_to_cac_benchmark(industry)
    figures = sorted({figure for row in rows for figure in (row.low, row.high)})
    usual = f"{figures[0]:g}" if len(figures) == 1 else f"{figures[0]:g} to {figures[-1]:g}"
    low, high = figures[0] - _half_a_step(figures[0]), figures[-1] + _half_a_step(figures[-1])
    loss, even = LTV_TO_CAC_BANDS.bands[:2]
    return LtvToCacBands(
        bands=(
            loss,
            even,
            LtvToCacBand(
                name="below typical",
                low=even.high,
                high=low,
                message=f"Earns its cost, but below {industry}, where {usual} is usual.",
            ),
            LtvToCacBand(name="typical", low=low, high=high, message=f"Typical of {industry}, where {usual} is usual."),
            LtvToCacBand(
                name="under-invested",
                low=high,
                high=None,
                message=f"Above {industry}, where {usual} is usual: profitable, perhaps growing too cautiously.",
            ),
        )
    )


def _half_a_step(figure: float) -> float:
    """Half of the step to which a source rounds its figure: whole numbers, or halves."""
    return 0.5 if figure == math.floor(figure) else 0.25


def ltv_to_cac_benchmark(industry: str) -> tuple[LtvToCacBenchmark, ...]:
    """Find the usual LTV:CAC ratios of an industry in :data:`LTV_TO_CAC_BENCHMARKS`, each with its source.

    Basis: value before acquisition cost.

    Parameters
    ----------
    industry : str
        As written in the table, such as "B2B SaaS".

    Returns
    -------
    tuple of LtvToCacBenchmark
        One for each figure; "B2C SaaS" has two different figures.

    Raises
    ------
    InputError
        If the industry is not in the table; the error lists those that are.

    Notes
    -----
    Source: practitioners' articles on LTV. The figures are customs, not laws.

    Examples
    --------
    >>> [row.low for row in ltv_to_cac_benchmark("B2C SaaS")]
    [5.0, 2.5]
    """
    require_choice("industry", industry, tuple(dict.fromkeys(row.industry for row in LTV_TO_CAC_BENCHMARKS)))

    return tuple(row for row in LTV_TO_CAC_BENCHMARKS if row.industry == industry)


def max_acquisition_cost(ltv: ArrayLike, target_ratio: ArrayLike) -> FloatOrArray:
    r"""Largest acquisition cost that reaches a target LTV:CAC.

    Basis: value before acquisition cost.

    Parameters
    ----------
    ltv : array_like
        Lifetime value before acquisition cost [money], >= 0.
    target_ratio : array_like
        Ratio to reach, > 0; 3 is usually called healthy.

    Returns
    -------
    float or numpy.ndarray
        Cost per customer [money].

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \max \{ \mathrm{CAC} : \mathrm{LTV} / \mathrm{CAC} \ge \mathrm{target} \} = \mathrm{LTV}/\mathrm{target}

    Source: the definition of the ratio.

    Examples
    --------
    >>> print(max_acquisition_cost(225, 3))
    75.0
    """
    value, target = as_floats(ltv=ltv, target_ratio=target_ratio)
    require_not_negative(ltv=value)
    require(target > 0, "target_ratio", target, "> 0")

    cost: FloatOrArray = (value / target)[()]
    return cost
