"""Figures that the sources quote, beside one's own."""

from __future__ import annotations

import math
from decimal import Context, localcontext

import pytest

from crmvalue.errors import InputError
from crmvalue.ltv import QUOTED_FIGURES, QuotedFigureChecks, check_quoted_figures

ALL = {
    "retention_rate": 0.8,
    "discount_rate": 0.1,
    "acquisition_cost": 100,
    "retention_cost": 10,
    "ltv": 300,
    "monthly_margin": 20,
    "csat": 0.9,
    "sleeping": (490, 100),
    "potential_churn": (300, 100),
    "churned": (30, 0),
    "turnover_growth": 0.06,
}


class TestQuotedFigures:
    """A table with the claim and its source in each row."""

    def test_figures_are_those_of_the_sources(self):
        found = {figure.name: (figure.low, figure.high) for figure in QUOTED_FIGURES}
        assert found == {
            "retention uplift": (0.25, 0.95),
            "keeping against winning": (5, 25),
            "healthy ratio": (3, 4),
            "payback at 5:1": (4, 4),
            "good satisfaction": (0.75, 0.85),
            "fewer sleeping customers": (4.9, 4.9),
            "fewer potential churners": (3.8, 3.8),
            "fewer churned customers": (1.5, 1.5),
            "turnover by certificates": (0.06, 0.06),
        }
        assert all(figure.source and figure.claim and figure.needs for figure in QUOTED_FIGURES)


class TestCheckQuotedFigures:
    """Own numbers in the unit of the figure, and how they stand to it."""

    def test_all(self):
        """Five points on 80 % at 10 %: (1.1 - 0.8) / (1.1 - 0.85) - 1 = 0.2."""
        found = check_quoted_figures(**ALL)
        assert found.own.tolist() == pytest.approx([0.2, 10, 3, 5, 0.9, 4.9, 3, math.inf, 0.06])
        assert found.verdict == (
            "below", "within", "within", "above", "above", "within", "below", "above", "within",
        )  # fmt: skip
        assert found.not_checked == ()
        assert len(found.statements()) == len(QUOTED_FIGURES)
        assert "Yours: 0.2, growth of the value" in found.statements()[0]
        nothing = check_quoted_figures().statements()
        assert len(nothing) == 1
        assert nothing[0].startswith("No figure is checked: ")
        assert QuotedFigureChecks.from_json(found.to_json()) == found

    def test_large_figures_are_written_out(self):
        found = check_quoted_figures(acquisition_cost=12_340, retention_cost=1)
        assert "Yours: 12,340, cost of winning" in found.statements()[0]

    def test_what_is_not_given_is_named(self):
        found = check_quoted_figures(csat=0.8)
        assert found.name == ("good satisfaction",)
        assert "keeping against winning: needs acquisition_cost, retention_cost" in found.not_checked
        assert len(check_quoted_figures().not_checked) == len(QUOTED_FIGURES)

    @pytest.mark.parametrize(
        ("csat", "verdict"), [(0.744, "below"), (0.746, "within"), (0.854, "within"), (0.856, "above")]
    )
    def test_within_is_what_rounds_to_the_figure(self, csat, verdict):
        assert check_quoted_figures(csat=csat).verdict == (verdict,)

    @pytest.mark.parametrize(
        ("quoted", "own", "verdict"),
        [(1e-7, 0.3, "above"), (1e-7, 1.04e-7, "within"), (1234567.5, 1234567.4, "below"), (20.0, 20.4, "within")],
    )
    def test_decimals_of_any_size(self, quoted, own, verdict):
        texts = {name: ["x"] for name in ("name", "claim", "unit", "source")}
        assert QuotedFigureChecks(**texts, low=[quoted], high=[quoted], own=[own]).verdict == (verdict,)
        with localcontext(Context(prec=2)):  # of the host
            assert QuotedFigureChecks(**texts, low=[quoted], high=[quoted], own=[own]).verdict == (verdict,)

    def test_five_points_to_all_customers_need_a_discount(self):
        with pytest.raises(InputError, match="five points more keep all"):
            check_quoted_figures(retention_rate=0.95, discount_rate=0)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("sleeping", 3), ("sleeping", (0, 1)), ("churned", (1, -1)), ("potential_churn", (1, 2, 3)), ("csat", 80)],
    )
    def test_refuses(self, name, value):
        with pytest.raises(InputError) as caught:
            check_quoted_figures(**{name: value})
        assert caught.value.name == name

    def test_ends_in_the_wrong_order(self):
        texts = {name: ["x"] for name in ("name", "claim", "unit", "source")}
        with pytest.raises(InputError, match=r"low.*at most `high`; got 2\.0"):
            QuotedFigureChecks(**texts, low=[2.0], high=[1.0], own=[1.5])
