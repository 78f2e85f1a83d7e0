"""Present value, internal rate of return, payback."""

from __future__ import annotations

import datetime as dt
import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmvalue import ltv
from crmvalue.errors import InputError
from tests.ltv.references import SHIFTS, payback, refusal
from tests.ltv.references import npv as explicit_npv
from tests.strategies import discount_rates, money, positive_money

timings = st.sampled_from(sorted(SHIFTS))
streams = st.lists(st.one_of(money, money.map(lambda x: -x)), min_size=1, max_size=30)
growths = st.floats(-8, 8)
"""Logarithms of 1 + rate."""


class TestNpv:
    """Sum over t = 1 ... n of flow_t / (1 + d)^(t - 1 + s)."""

    @pytest.mark.parametrize(
        ("timing", "expected"),
        [
            pytest.param("end", 302.78, id="domain 2, formula 4"),
            pytest.param("start", 333.06, id="302.78 x 1.1, by hand"),
            pytest.param("middle", 317.56, id="302.78 x 1.1^0.5, by hand"),
        ],
    )
    def test_oracles(self, timing, expected):
        assert ltv.npv([100, 120, 150], 0.10, timing=timing).round(2) == expected

    @given(streams, st.one_of(discount_rates, st.floats(-0.9, -0.01)), timings)
    def test_equals_its_sum(self, flows, rate, timing):
        times = [t + SHIFTS[timing] for t in range(len(flows))]
        size = explicit_npv(map(abs, flows), rate, times)
        found = ltv.npv(flows, rate, timing=timing)
        assert found == pytest.approx(explicit_npv(flows, rate, times), rel=1e-12, abs=1e-13 * size)

    @given(st.lists(positive_money, min_size=1, max_size=5), st.floats(0.01, 10))
    def test_monthly_and_yearly_routes_agree(self, yearly, rate):
        monthly = np.zeros((len(yearly), 12))
        monthly[:, -1] = yearly
        month_rate = ltv.convert_rate(rate, kind="discount", from_period="year", to_period="month")
        found = ltv.npv(monthly.ravel(), month_rate, timing="end")
        assert found == pytest.approx(ltv.npv(yearly, rate, timing="end"), rel=1e-12)

    @given(streams, discount_rates)
    def test_timing_moves_the_whole_stream(self, flows, rate):
        start, middle, end = (ltv.npv(flows, rate, timing=timing) for timing in ("start", "middle", "end"))
        assert end * (1 + rate) == pytest.approx(start, rel=1e-9, abs=1e-9 * sum(map(abs, flows)))
        assert middle * (1 + rate) ** 0.5 == pytest.approx(start, rel=1e-9, abs=1e-9 * sum(map(abs, flows)))

    def test_one_stream_at_many_rates_and_many_streams(self):
        flows = np.array([[100.0, 50.0], [10.0, 5.0]])
        expected = [[explicit_npv(stream, rate, [1, 2]) for stream in flows] for rate in (0.1, 0.2, -0.5)]
        found = ltv.npv(flows, [[0.1], [0.2], [-0.5]], timing="end")
        np.testing.assert_allclose(found, expected, rtol=1e-14)

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"cash_flows": 5}, "cash_flows", None),
            ({"cash_flows": [[1, math.nan]]}, "cash_flows", (0, 1)),
            ({"cash_flows": np.zeros((2, 0))}, "cash_flows", None),
            ({"discount_rate": [0.1, -1]}, "discount_rate", 1),
            ({"discount_rate": [0.1, 0.1, 0.1]}, "discount_rate", None),
            ({"cash_flows": np.ones(100), "discount_rate": [0.1, 1e-9 - 1]}, "discount_rate", 1),
            ({"timing": None}, "timing", None),
        ],
    )
    def test_refuses(self, changes, name, index):
        error = refusal(ltv.npv, **changes)
        assert (error.name, error.index) == (name, index)


class TestNpvDated:
    """Sum of flow / (1 + d)^(years from as_of)."""

    @pytest.mark.parametrize(
        ("convention", "expected"),
        [
            pytest.param("actual/365", 1000 / 1.1 ** (366 / 365), id="2024 has 366 days"),
            pytest.param("actual/actual", 1000 / 1.1, id="1 January to 1 January is a year"),
        ],
    )
    def test_oracles(self, convention, expected):
        found = ltv.npv_dated([1000], ["2025-01-01"], 0.1, as_of="2024-01-01", convention=convention)
        assert found == pytest.approx(expected, rel=1e-12)

    def test_published_example(self):
        flows = [-10_000, 2_750, 4_250, 3_250, 2_750]  # documentation of the spreadsheet function XNPV: 2,086.65
        days = ["2008-01-01", "2008-03-01", "2008-10-30", "2009-02-15", "2009-04-01"]
        assert ltv.npv_dated(flows, days, 0.09, as_of="2008-01-01").round(2) == 2086.65

    @given(st.lists(st.tuples(money, st.integers(-3000, 3000)), min_size=1, max_size=20), st.floats(-0.5, 10))
    def test_equals_its_sum_in_any_order(self, rows, rate):
        rate = 0.0 if abs(rate) < 1e-9 else rate
        flows, days = zip(*rows, strict=True)
        origin = dt.date(2024, 2, 29)
        found = ltv.npv_dated(flows, [origin + dt.timedelta(d) for d in days], rate, as_of=origin)
        explicit = explicit_npv(flows, rate, [mpmath.mpf(d) / 365 for d in days])
        assert found == pytest.approx(explicit, rel=1e-11)  # the exponent reaches 20, and its rounding with it

    @given(streams, st.floats(0.01, 10))
    def test_even_years_are_periods(self, flows, rate):
        days = [f"{2000 + t}-01-01" for t in range(len(flows))]
        found = ltv.npv_dated(flows, days, rate, as_of="2000-01-01", convention="actual/actual")
        expected = ltv.npv(flows, rate, timing="start")
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-11 * sum(map(abs, flows)))

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"cash_flows": []}, "cash_flows"),
            ({"dates": ["2025-01-01"]}, "dates"),
            ({"dates": "2025-01-01"}, "dates"),
            ({"dates": ["2025-01-01", None]}, "dates"),
            ({"discount_rate": -1}, "discount_rate"),
            ({"as_of": ["2025-01-01", "2025-01-01"]}, "as_of"),
            ({"as_of": "2025-13-01"}, "as_of"),
            ({"convention": "30/360"}, "convention"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.npv_dated, **changes).name == name


class TestIrr:
    """The one rate at which the value of the flows is zero."""

    @pytest.mark.parametrize(
        ("flows", "expected"),
        [
            pytest.param([-100, 110], 0.1, id="by hand"),
            pytest.param([-100, 50], -0.5, id="by hand, half is lost"),
            pytest.param([-100, 60, 60], (60 + math.sqrt(27_600)) / 200 - 1, id="quadratic formula"),
            pytest.param([0, -100, 0, 121, 0], 0.1, id="zeros are waiting"),
            pytest.param([110, -100], 100 / 110 - 1, id="a loan"),
            pytest.param([-100, 100], 0, id="nothing earned"),
            pytest.param([5e-17, -100, 110], 0.1, id="what binary arithmetic leaves of nothing, before the flows"),
            pytest.param([1, -2.2, 1.21], 0.1, id="a double root"),
            pytest.param([-1, 3, -3, 2], 1, id="three changes of sign, one real rate: (v - 1/2)(...)"),
        ],
    )
    def test_oracles(self, flows, expected):
        assert ltv.irr(flows) == pytest.approx(expected, rel=1e-7 if len(flows) == 3 else 1e-13, abs=1e-15)

    @pytest.mark.parametrize(
        ("flows", "digits", "published"),
        [  # documentation of the spreadsheet function IRR
            ([-70_000, 12_000, 15_000, 18_000, 21_000], 3, -0.021),
            ([-70_000, 12_000, 15_000, 18_000, 21_000, 26_000], 3, 0.087),
        ],
    )
    def test_published_examples(self, flows, digits, published):
        assert round(ltv.irr(flows), digits) == published

    @pytest.mark.parametrize(("apart", "n_rates"), [(1e-5, 2), (1e-8, 1)])
    def test_rates_within_rounding_are_one(self, apart, n_rates):
        """Two rates at 10 % plus and minus a little; `Notes` say from where on they are told apart."""
        low, high = 1.1 - apart, 1.1 + apart
        flows = [-1, low + high, -low * high]
        if n_rates == 1:
            assert ltv.irr(flows) == pytest.approx(0.1, abs=1e-6)
        else:
            error = refusal(ltv.irr, cash_flows=flows)
            assert error.value == pytest.approx([low - 1, high - 1], abs=1e-8)

    @given(st.lists(positive_money, min_size=1, max_size=20), st.lists(positive_money, min_size=1, max_size=20))
    def test_the_value_at_this_rate_is_zero(self, costs, gains):
        flows = [-cost for cost in costs] + gains
        try:
            rate = ltv.irr(flows)
        except InputError as error:
            assume("a float can hold" not in error.rule)
            raise
        times = range(len(flows))
        assume(rate > -0.999)  # below, 1 + rate has lost the digits
        size = explicit_npv(map(abs, flows), rate, times)
        assert abs(explicit_npv(flows, rate, times)) <= 1e-11 * size
        assert abs(ltv.npv(flows, rate, timing="start")) <= 1e-11 * size

    @given(st.lists(positive_money, min_size=1, max_size=20), positive_money, st.floats(1e-3, 1e3))
    def test_does_not_depend_on_the_currency_or_the_side(self, gains, cost, factor):
        flows = np.array([-cost, *gains])
        assume(1e-3 < sum(gains) / cost < 1e3)
        rate = ltv.irr(flows)
        for other in (factor * flows, -flows):
            assert 1 + ltv.irr(other) == pytest.approx(1 + rate, rel=1e-12)

    @given(st.lists(growths, min_size=2, max_size=4, unique=True))
    def test_several_rates_are_found_and_refused(self, logs):
        logs = sorted(logs)
        assume(min(np.diff(logs)) > 0.1)
        flows = np.array([1.0])
        for log_rate in logs:  # the product of (v (1 + r) - 1), with v = 1 / (1 + rate)
            flows = np.convolve(flows, [-1.0, math.exp(log_rate)])
        with pytest.raises(InputError) as caught:
            ltv.irr(flows)
        assert (caught.value.name, caught.value.count) == ("cash_flows", 1)  # one stream
        np.testing.assert_allclose(np.log1p(caught.value.value), logs, atol=1e-6)  # roots of a product are ill-posed

    @given(st.lists(st.floats(-100, 100).filter(lambda x: abs(x) > 1e-3), min_size=3, max_size=8))
    def test_counts_the_rates_as_the_roots_of_the_polynomial(self, flows):
        roots = np.polynomial.polynomial.polyroots(flows)  # of the companion matrix
        bent = np.abs(roots.imag) / np.abs(roots)
        assume(not ((bent > 0) & (bent < 1e-4)).any())  # neither double nor nearly so
        rates = np.sort(1 / roots.real[(bent == 0) & (roots.real > 0)] - 1)
        assume((np.diff(rates) > 1e-4).all())
        assert _rates_found(flows) == pytest.approx(rates.tolist(), rel=1e-6, abs=1e-6)

    def test_no_rate_at_all(self):
        error = refusal(ltv.irr, cash_flows=[-1, 2, -1.5])  # discriminant 4 - 6 < 0
        assert error.value == []

    def test_a_long_stream(self):
        flows = [-1000.0] + [10.0] * 360
        rate = ltv.irr(flows)
        assert explicit_npv(flows, rate, range(361)) == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize(
        ("flows", "rate"),
        [([-1e-15, 1e90], 1e105), ([-1e-15, 1e100, 1e100], 1e115), ([-1e15, 10], -1 + 1e-14), ([1e-14, -1e99], 1e113)],
    )
    def test_very_large_and_small_rates(self, flows, rate):
        """With two flows the rate is their quotient less 1."""
        assert ltv.irr(flows) == pytest.approx(rate, rel=1e-12)

    @pytest.mark.parametrize(
        ("flows", "why"),
        [
            ([-1e90, 1e-15], "too close to -1 for a float: the logarithm of 1 + rate is -241.771"),
            ([-1e18, 1], "too close to -1 for a float"),
        ],
    )
    def test_rates_beyond_floats_have_no_answer(self, flows, why):
        error = refusal(ltv.irr, cash_flows=flows)
        assert error.name == "cash_flows"
        assert why in error.hint

    @pytest.mark.parametrize(
        ("flows", "index"),
        [
            ([100, 60], None),
            ([-100, 0], None),
            ([-5e-17, 100, 100], None),  # what binary arithmetic leaves of nothing
            ([0, 0], None),
            ([], None),
            ([[-100, 110]], None),
            ([-100, math.nan], 1),
        ],
    )
    def test_refuses(self, flows, index):
        error = refusal(ltv.irr, cash_flows=flows)
        assert (error.name, error.index) == ("cash_flows", index)

    def test_one_sign_says_why(self):
        assert "both signs" in refusal(ltv.irr, cash_flows=[1, 2]).rule

    def test_too_many_changes_of_sign_are_refused_before_the_work(self):
        """20,000 of them would take many minutes."""
        with pytest.raises(InputError, match="at most 1,000 times"):
            ltv.irr(np.tile([-1.0, 2.5], 10_000))

    def test_many_flows_with_many_changes_of_sign_are_refused_before_the_work(self):
        """100,000 flows that change their sign 990 times took minutes and 1.7 gigabytes."""
        flows = np.where(np.arange(100_000) // 101 % 2, 1.0, -1.0)
        with pytest.raises(InputError, match="20,000,000 flows times changes of sign; got '100,000 times 990'"):
            ltv.irr(flows)
        with pytest.raises(InputError, match="20,000,000 flows times changes of sign"):
            ltv.irr_dated(flows, np.datetime64("1900-01-01") + np.arange(100_000))


def _rates_found(flows):
    try:
        return [float(ltv.irr(flows))]
    except InputError as error:
        return error.value if "exactly one rate" in error.rule else []


class TestIrrDated:
    """The one rate per year at which the value of the dated flows is zero."""

    def test_flows_of_a_day_that_cancel_are_no_cost(self):
        assert 0.3 - 0.1 - 0.2 < 0
        error = refusal(ltv.irr_dated, cash_flows=[0.3, -0.1, -0.2, 5], dates=["2024-01-01"] * 3 + ["2025-01-01"])
        assert "of both signs" in str(error)

    def test_published_example(self):
        flows = [-10_000, 2_750, 4_250, 3_250, 2_750]  # documentation of the spreadsheet function XIRR: 0.373362535
        days = ["2008-01-01", "2008-03-01", "2008-10-30", "2009-02-15", "2009-04-01"]
        assert ltv.irr_dated(flows, days) == pytest.approx(0.373362535, abs=2e-9)  # it stops at 1e-8

    @given(
        st.lists(st.tuples(positive_money, st.integers(1, 5000)), min_size=1, max_size=20), positive_money, st.randoms()
    )
    def test_the_value_at_this_rate_is_zero_in_any_order(self, gains, cost, random):
        rows = [(-cost, 0), *gains]
        assume(1e-2 < sum(gain for gain, _ in gains) / cost < 1e2)
        try:
            rate = ltv.irr_dated(*_dated(rows))
        except InputError as error:
            assume("a float can hold" not in error.rule)
            raise
        assume(-0.999 < rate < 1e6)
        flows, days = _dated(rows)
        value = ltv.npv_dated(flows, days, rate, as_of=days[0])
        size = ltv.npv_dated(np.abs(flows), days, rate, as_of=days[0])
        assert abs(value) <= 1e-10 * size
        random.shuffle(rows)
        assert ltv.irr_dated(*_dated(rows)) == pytest.approx(rate, rel=1e-9, abs=1e-12)

    def test_a_rate_beyond_floats_does_not_hide_the_others(self):
        """A refund within days makes a second rate of about 10 to the power of 3,285; both with mpmath at 50 digits."""
        days = ["2024-01-01", "2024-01-02", "2025-01-02"]
        assert ltv.irr_dated([1, -1e9, 1.2e9], days) == pytest.approx(0.199402374465815337, rel=1e-12)

    def test_a_rate_of_a_day_or_two(self):
        """Growth by 2.5 in two days is by 2.5 to the power of 182.5 in a year; with mpmath at 50 digits."""
        days = ["2024-01-01", "2024-01-03"]
        assert ltv.irr_dated([-100, 250], days) == pytest.approx(4.20776602498499e72, rel=1e-10)
        assert ltv.irr_dated([-100, 250], ["2024-01-01", "2024-01-02"]) == pytest.approx(
            1.77052949210178e145, rel=1e-10
        )
        error = refusal(ltv.irr_dated, cash_flows=[-1, 1e9], dates=["2024-01-01", "2024-01-02"])
        assert "too large for a float: the logarithm of 1 + rate is 7563.99" in error.hint

    def test_several_rates_are_all_named(self):
        with pytest.raises(InputError) as caught:
            ltv.irr_dated([40, -100, 90], ["2024-01-01", "2024-01-03", "2025-01-02"])
        assert caught.value.value == pytest.approx([0.5022357028, 4.2077660e72], rel=1e-6)

    def test_flows_of_one_day_are_one_flow(self):
        days = ["2025-01-01"] * 3 + ["2026-01-01"] + ["2027-01-01"] * 3
        flows = [-60, -60, 20, 110, -0.1, -0.2, 0.3]  # the last three are nothing, up to rounding
        assert ltv.irr_dated(flows, days) == pytest.approx(0.1, rel=1e-13)

    def test_even_years_are_periods(self):
        days = ["2023-01-01", "2024-01-01", "2025-01-01"]
        found = ltv.irr_dated([-100, 60, 60], days, convention="actual/actual")
        assert found == pytest.approx(ltv.irr([-100, 60, 60]), rel=1e-10)  # year fractions near 2000 have 12 digits

    def test_several_rates_are_refused(self):
        days = ["2022-01-01", "2023-01-01", "2024-01-01"]  # 365 days each
        error = refusal(ltv.irr_dated, cash_flows=[-100, 230, -132], dates=days)
        assert error.value == pytest.approx([0.1, 0.2], rel=1e-12)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"cash_flows": [1, 1]}, "cash_flows"),
            ({"cash_flows": [[1, -1]]}, "cash_flows"),
            ({"cash_flows": [], "dates": []}, "cash_flows"),
            ({"dates": ["2025-01-01"]}, "dates"),
            ({"dates": ["2025-01-01", "2025-02-29"]}, "dates"),
            ({"dates": ["2025-01-01", "2025-01-01"], "cash_flows": [-1, 1]}, "cash_flows"),
            ({"convention": "30/360"}, "convention"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.irr_dated, **changes).name == name


def _dated(rows):
    flows, days = zip(*rows, strict=True)
    return np.array(flows), [dt.date(2020, 1, 1) + dt.timedelta(day) for day in days]


class TestPaybackPeriods:
    """The first period in which the discounted flows so far cover the cost."""

    @pytest.mark.parametrize(
        ("flows", "cost", "options", "expected"),
        [  # by hand
            ([40, 40, 40], 100, {"interpolate": False}, 3),
            ([40, 40, 40], 100, {"interpolate": True}, 2.5),
            ([50, 50], 100, {"interpolate": True}, 2),
            ([40, 40], 100, {"interpolate": False}, math.inf),
            ([40, 40], 100, {"interpolate": True}, math.inf),
            ([40, 40], 0, {"interpolate": False}, 0),
            ([-40, 40], 0, {"interpolate": True}, 0),
            ([0, 40], 5e-17, {"interpolate": False}, 0),  # what binary arithmetic leaves of nothing, as stated
            ([0, 40], 4.1e-11, {"interpolate": False}, 2),
            ([110, 121], 200, {"interpolate": False, "discount_rate": 0.1}, 2),
            ([110, 121], 150, {"interpolate": True, "discount_rate": 0.1}, 1.5),
            ([110, 121], 110, {"interpolate": True, "discount_rate": 0.1, "timing": "start"}, 1),
            ([0, 100, -50, 0], 100, {"interpolate": False}, 2),
            ([0.1] * 10, 1, {"interpolate": False}, 10),
            ([0.1] * 10, 1, {"interpolate": True}, 10),
            ([30, 70], 100, {"interpolate": False}, 2),  # the last flow just suffices
            ([30, 70 - 2**-20], 100, {"interpolate": False}, math.inf),
            ([100], 100, {"interpolate": False}, 1),
            ([100], 100, {"interpolate": True}, 1),
            ([100 * (1 - 1e-12)], 100, {"interpolate": False}, 1),  # a shortfall of 1e-12 is rounding, as stated
            ([100 * (1 - 1e-12)], 100, {"interpolate": True}, 1),
            ([100 * (1 - 2e-12)], 100, {"interpolate": False}, math.inf),
            ([25, 75, 0], 100, {"interpolate": True}, 2),  # not the flow of 0 after it
            ([0, 0, 10], 4, {"interpolate": True}, 2.4),
        ],
    )
    def test_oracles(self, flows, cost, options, expected):
        found = ltv.payback_periods(flows, cost, **{"timing": "end"} | options)
        assert found == pytest.approx(expected, rel=1e-12)

    @given(
        st.lists(st.integers(-100, 100), min_size=1, max_size=15),
        st.integers(0, 300),
        st.sampled_from([0.0, 0.013, 0.37]),
        timings,
        st.booleans(),
    )
    def test_equals_a_walk_through_the_periods(self, flows, cost, rate, timing, interpolate):
        options = {"timing": timing, "interpolate": interpolate}
        found = ltv.payback_periods(flows, cost, discount_rate=rate, **options)
        assert found == pytest.approx(payback(flows, cost, rate, **options), rel=1e-9)  # where a flow just suffices

    @given(st.lists(positive_money, min_size=1, max_size=15), positive_money, st.floats(0.01, 1))
    @example([134784736.0], 1e-6, 0.01171875)  # a cost far below the first flow
    def test_discounting_and_cost_only_delay(self, flows, cost, rate):
        plain = ltv.payback_periods(flows, cost, timing="end", interpolate=True)
        assert ltv.payback_periods(flows, cost, discount_rate=rate, timing="end", interpolate=True) >= plain
        assert ltv.payback_periods(flows, 2 * cost, timing="end", interpolate=True) >= plain
        whole = ltv.payback_periods(flows, cost, timing="end", interpolate=False)
        assert whole == math.inf if plain == math.inf else 0 <= whole - plain <= 1

    def test_rounding_does_not_take_more_than_the_last_period(self):
        flows = [0.1] * 10
        assert np.cumsum(flows)[-1] < 1
        assert ltv.payback_periods(flows, 1, timing="end", interpolate=True) == 10

    def test_one_answer_for_each_stream(self):
        flows = np.array([[40.0, 40, 40], [10, 10, 10], [100, 0, 0]])
        found = ltv.payback_periods(flows, [100, 100, 50], timing="end", interpolate=True)
        assert found.tolist() == [2.5, math.inf, 0.5]
        longer = ltv.payback_periods([[40.0, 40, 40, 1], [1, 1, 98, 1]], 100, timing="end", interpolate=False)
        assert longer.tolist() == [3, 3]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"cash_flows": 40}, "cash_flows"),
            ({"acquisition_cost": -1}, "acquisition_cost"),
            ({"acquisition_cost": [1, 2, 3]}, "acquisition_cost"),
            ({"discount_rate": -0.1}, "discount_rate"),
            ({"timing": "soon"}, "timing"),
            ({"interpolate": "no"}, "interpolate"),
            ({"interpolate": None}, "interpolate"),
            ({"interpolate": np.array([True, False])}, "interpolate"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.payback_periods, **changes).name == name
