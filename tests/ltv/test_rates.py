"""Rates between periods, lifetimes, retention curves."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmvalue import ltv
from crmvalue._ltv import rates as rates_room
from tests.ltv.references import rate_over, refusal, survivor_sum
from tests.strategies import discount_rates, rates

periods = st.sampled_from(["day", "week", "month", "quarter", "half-year", "year"])
kinds = st.sampled_from(["churn", "retention", "discount"])


class TestConvertRate:
    """Churn 1 - (1 - c)^k, retention r^k, discount (1 + d)^k - 1; k periods in one."""

    @pytest.mark.parametrize(
        ("rate", "kind", "from_period", "to_period", "expected"),
        [
            pytest.param(0.01, "discount", "month", "year", 1.01**12 - 1, id="definition"),
            pytest.param(0.21, "discount", "year", "quarter", 1.21**0.25 - 1, id="definition"),
            pytest.param(0.10, "churn", "month", "quarter", 0.271, id="1 - 0.9^3 by hand"),
            pytest.param(0.90, "retention", "month", "quarter", 0.729, id="0.9^3 by hand"),
            pytest.param(0.5, "retention", "day", "week", 1 / 128, id="7 days a week"),
            pytest.param(0.75, "churn", "year", "day", 1 - 0.25 ** (1 / 365.25), id="365.25 days a year"),
            pytest.param(0.2, "discount", "half-year", "year", 0.44, id="1.2^2 by hand"),
            pytest.param(0.9, "retention", "quarter", "half-year", 0.81, id="0.9^2 by hand"),
            pytest.param(1, "churn", "year", "month", 1, id="all leave"),
            pytest.param(0, "retention", "year", "month", 0, id="nobody stays"),
        ],
    )
    def test_oracles(self, rate, kind, from_period, to_period, expected):
        found = ltv.convert_rate(rate, kind=kind, from_period=from_period, to_period=to_period)
        assert found == pytest.approx(expected, rel=1e-12)

    def test_zero_stays_zero_without_a_sign(self):
        for kind in ("churn", "discount"):
            found = ltv.convert_rate(0, kind=kind, from_period="year", to_period="month")
            assert math.copysign(1, found) == 1
            assert found == 0

    @given(rates, kinds, periods, periods)
    @example(1e-100, "churn", "day", "year")
    @example(1e-100, "discount", "year", "day")
    @example(1 - 2**-53, "churn", "year", "day")
    def test_equals_its_definition(self, rate, kind, from_period, to_period):
        assume(kind != "discount" or _ratio(from_period, to_period) * math.log1p(rate) < 229)
        found = ltv.convert_rate(rate, kind=kind, from_period=from_period, to_period=to_period)
        expected = rate_over(rate, kind, from_period, to_period)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-300)

    @given(st.one_of(rates, discount_rates, st.floats(1e-90, 1e90)), kinds, periods, periods)
    def test_forth_and_back_is_the_identity(self, rate, kind, there, back):
        assume(kind == "discount" or rate <= 1)
        if kind == "discount":
            assume(_ratio(there, back) * math.log1p(rate) < 229)
        middle = ltv.convert_rate(rate, kind=kind, from_period=there, to_period=back)
        assume(kind != "churn" or rate == 1 or middle <= 0.999)
        assume(rate == 0 or middle > 1e-99)
        again = ltv.convert_rate(middle, kind=kind, from_period=back, to_period=there)
        assert again == pytest.approx(rate, rel=1e-12)

    @given(st.floats(1e-9, 0.999), periods, periods)
    def test_churn_and_retention_stay_complements(self, churn, there, back):
        options = {"from_period": there, "to_period": back}
        lost = ltv.convert_rate(churn, kind="churn", **options)
        kept = ltv.convert_rate(1 - churn, kind="retention", **options)
        assert lost + kept == pytest.approx(1, abs=1e-12)

    @given(st.floats(0.001, 0.9), kinds)
    def test_a_longer_period_compounds_and_never_divides(self, rate, kind):
        a_year, a_month = ({"from_period": "month", "to_period": p} for p in ("year", "month"))
        year, month = (ltv.convert_rate(rate, kind=kind, **options) for options in (a_year, a_month))
        assert month == pytest.approx(rate, rel=1e-14)
        assert year > 12 * rate if kind == "discount" else year < 12 * rate

    @pytest.mark.parametrize("kind", ["churn", "retention"])
    def test_the_ends_of_the_domain_of_shares(self, kind):
        """0 and 1 are shares, and stay what they are; the next floats beyond them are none."""
        options = {"kind": kind, "from_period": "month", "to_period": "year"}
        assert [ltv.convert_rate(rate, **options) for rate in (0, 1)] == [0, 1]
        assert 0 <= ltv.convert_rate(1e-100, **options) <= 1.3e-99
        assert refusal(ltv.convert_rate, rate=np.nextafter(1, 2), **options).name == "rate"
        assert refusal(ltv.convert_rate, rate=-1e-100, **options).name == "rate"

    def test_what_is_left_of_next_to_nothing_is_nothing_whatever_the_caller_raises(self):
        with np.errstate(all="raise"):
            assert ltv.convert_rate(1e-10, kind="retention", from_period="day", to_period="year") == 0

    def test_the_ends_of_the_domain_of_discounts(self):
        """From 0 to a rate of e^230, about 1e100, after the conversion; so also in the other direction."""
        for to_period, k in (("year", 365.25), ("day", 1)):
            options = {"kind": "discount", "from_period": "day", "to_period": to_period}
            assert ltv.convert_rate(0, **options) == 0
            below, beyond = math.expm1(229.999 / k), math.expm1(230.001 / k)
            assert ltv.convert_rate(below, **options) == pytest.approx(math.exp(229.999), rel=1e-9)
            assert refusal(ltv.convert_rate, rate=beyond, **options).name == "rate"
            assert refusal(ltv.convert_rate, rate=-1e-100, **options).name == "rate"
        end = math.expm1(230)
        assert np.log1p(end) == 230
        assert ltv.convert_rate(end, kind="discount", from_period="day", to_period="day") == end  # the end is inside

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"rate": 36}, "rate"),
            ({"rate": [0.1, -0.1]}, "rate"),
            ({"rate": -0.1, "kind": "discount"}, "rate"),
            ({"rate": 10, "kind": "discount", "from_period": "day", "to_period": "year"}, "rate"),
            ({"rate": math.nan}, "rate"),
            ({"kind": "growth"}, "kind"),
            ({"from_period": "fortnight"}, "from_period"),
            ({"to_period": 12}, "to_period"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.convert_rate, **changes).name == name


def _ratio(there, back):
    days = {"day": 1, "week": 7, "month": 30.4375, "quarter": 91.3125, "half-year": 182.625, "year": 365.25}
    return days[back] / days[there]


class TestExpectedLifetime:
    """Sum over t >= 0 of (1 - c)^t."""

    @pytest.mark.parametrize(("churn", "expected"), [(0.04, 25), (0.5, 2), (1, 1)])
    def test_oracles(self, churn, expected):
        assert ltv.expected_lifetime(churn) == expected  # 1 / c by hand

    @given(st.floats(1e-12, 1))
    def test_equals_its_sum(self, churn):
        with mpmath.workdps(150):
            explicit = survivor_sum(1 - mpmath.mpf(churn), 0, timing="start")
        assert ltv.expected_lifetime(churn) == pytest.approx(explicit, rel=1e-14)

    def test_the_ends_of_its_domain(self):
        assert ltv.expected_lifetime([1, 1e-100]).tolist() == [1, 1e100]

    @pytest.mark.parametrize("wrong", [0, -0.1, 4, -1e-100, np.nextafter(1, 2), math.nan, math.inf])
    def test_refuses(self, wrong):
        error = refusal(ltv.expected_lifetime, churn_rate=[0.5, wrong])
        assert (error.name, error.index) == ("churn_rate", 1)


class TestRetentionCurve:
    """S(t) = r^t, t = 0 ... n - 1."""

    def test_oracle(self):
        assert ltv.retention_curve(0.5, 4).tolist() == [1, 0.5, 0.25, 0.125]  # by hand

    @given(rates, st.integers(1, 100))
    def test_each_period_keeps_its_share_of_the_one_before(self, retention, n):
        curve = ltv.retention_curve(retention, n)
        assert curve[0] == 1
        assert len(curve) == n
        np.testing.assert_allclose(curve[1:], curve[:-1] * retention, rtol=1e-13, atol=1e-300)

    @given(st.floats(0.01, 1), st.integers(0, 10))
    def test_monthly_and_yearly_curves_meet(self, retention, years):
        monthly = ltv.convert_rate(retention, kind="retention", from_period="year", to_period="month")
        every_year = ltv.retention_curve(monthly, 12 * years + 1)[::12]
        np.testing.assert_allclose(every_year, ltv.retention_curve(retention, years + 1), rtol=1e-12)

    def test_a_long_curve_can_be_valued(self):
        """Its last shares are far below 1e-100 and count as 0, in every function that takes a stream."""
        stream = 10 * ltv.retention_curve(0.5, 500)
        assert stream[-1] < 1e-149
        assert ltv.npv(stream, 0.1, timing="start") == pytest.approx(10 / (1 - 0.5 / 1.1), rel=1e-14)
        assert ltv.ltv_npv(stream, 0.5, 0.0, acquisition_cost=1) == pytest.approx(9, rel=1e-14)
        assert ltv.payback_periods(stream, 15, timing="end", interpolate=False) == 2
        days = np.datetime64("2024-01-01") + np.arange(500)
        assert ltv.npv_dated(stream, days, 0.0, as_of="2024-01-01") == pytest.approx(20, rel=1e-14)
        assert ltv.ltv_segments([[10] * 500], ltv.retention_curve([0.5], 500), 0.5).total == pytest.approx(
            10, rel=1e-14
        )
        assert ltv.irr([-15, *stream]) == pytest.approx(1 / 6, rel=1e-9)  # 15 = 10 / (r + 1/2)

    @pytest.mark.parametrize(("retention", "curve"), [(0, [1, 0, 0]), (1, [1, 1, 1])])
    def test_the_ends_of_its_domain(self, retention, curve):
        assert ltv.retention_curve(retention, 3).tolist() == curve
        assert ltv.retention_curve(retention, 1).tolist() == [1]

    def test_as_many_elements_as_fit(self, monkeypatch):
        """With the limit, of 10**8, set to 12: three curves of four periods fit, of five they do not."""
        assert "at most 100000000;" in str(refusal(ltv.retention_curve, retention_rate=0.5, n_periods=10**8 + 1))
        assert "at most 100000000;" in str(refusal(ltv.retention_curve, retention_rate=[], n_periods=10**8 + 1))
        monkeypatch.setattr(rates_room, "_MOST_ELEMENTS", 12)
        assert ltv.retention_curve([0.5, 0.6, 0.7], 4).shape == (3, 4)
        assert refusal(ltv.retention_curve, retention_rate=[0.5, 0.6, 0.7], n_periods=5).name == "n_periods"

    def test_one_curve_for_each_rate(self):
        curves = ltv.retention_curve([0.8, 0.9], 2)
        assert curves.tolist() == [ltv.retention_curve(r, 2).tolist() for r in (0.8, 0.9)]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"retention_rate": 80}, "retention_rate"),
            ({"n_periods": 0}, "n_periods"),
            ({"n_periods": 1.5}, "n_periods"),
            ({"n_periods": [1, 2]}, "n_periods"),
            ({"n_periods": 10**11}, "n_periods"),
            ({"n_periods": 10**5, "retention_rate": np.full(1001, 0.5)}, "n_periods"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.retention_curve, **changes).name == name
