"""The formulas of lifetime value, against their worked examples and the sums that they abbreviate."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmvalue import ltv
from crmvalue.errors import InputError
from tests.ltv.references import SHIFTS, refusal, survivor_sum
from tests.ltv.references import npv as explicit_npv
from tests.strategies import dates, discount_rates, money, rates

timings = st.sampled_from(sorted(SHIFTS))
horizons = st.integers(1, 10**6)


class TestLtvSimple:
    """ARPU x lifetime."""

    @pytest.mark.parametrize(
        ("arpu", "lifetime", "expected"),
        [
            pytest.param(30, 24, 720, id="domain 2, formula 1"),
            pytest.param(1_000, 36, 36_000, id="domain 2, formula 1, the cafe"),
            pytest.param(30, 0, 0, id="definition"),
        ],
    )
    def test_worked_examples(self, arpu, lifetime, expected):
        assert ltv.ltv_simple(arpu, lifetime) == expected

    @given(money, st.integers(0, 500))
    def test_equals_the_sum_over_the_lifetime(self, arpu, lifetime):
        assert ltv.ltv_simple(arpu, lifetime) == pytest.approx(math.fsum([arpu] * lifetime), rel=1e-14)

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"arpu": [30, -1]}, "arpu", 1),
            ({"lifetime": [math.nan, 1]}, "lifetime", 0),
            ({"lifetime": [1, 2, 3]}, "lifetime", None),
            ({"arpu": "30"}, "arpu", None),
        ],
    )
    def test_refuses(self, changes, name, index):
        error = refusal(ltv.ltv_simple, **changes)
        assert (error.name, error.index) == (name, index)


class TestLtvRetail:
    """Average order value x purchase frequency x lifetime."""

    def test_worked_example(self):
        assert ltv.ltv_retail(80, 4, 3) == 960  # domain 2, formula 2

    @given(money, st.integers(0, 30), st.integers(0, 30))
    def test_equals_the_sum_over_all_orders(self, order, frequency, lifetime):
        explicit = math.fsum(order for _ in range(lifetime) for _ in range(frequency))
        assert ltv.ltv_retail(order, frequency, lifetime) == pytest.approx(explicit, rel=1e-14)

    def test_array_is_a_loop_of_scalars(self):
        values = ltv.ltv_retail([80, 20], 4, [3, 5])
        assert values.tolist() == [ltv.ltv_retail(80, 4, 3), ltv.ltv_retail(20, 4, 5)]

    @pytest.mark.parametrize("name", ["average_order_value", "purchase_frequency", "lifetime"])
    @pytest.mark.parametrize("wrong", [-1e-9, math.inf, math.nan])
    def test_refuses(self, name, wrong):
        error = refusal(ltv.ltv_retail, **{name: [1, wrong]})
        assert (error.name, error.index) == (name, 1)


class TestLtvMarginChurn:
    """Sum over t >= 0 of arpu m (1 - c)^t / (1 + d)^(t + s)."""

    @pytest.mark.parametrize(
        ("churn", "options", "expected"),
        [
            pytest.param(0.04, {}, 225, id="domain 2, formula 3"),
            pytest.param(1, {}, 9, id="one period, by hand"),
            pytest.param(0, {"discount_rate": 0.01}, 900, id="a perpetuity of 9 at 1 %, by hand"),
            pytest.param(0, {"discount_rate": 0.01, "timing": "start"}, 909, id="the same and 9 at once, by hand"),
            pytest.param(0.04, {"discount_rate": 0}, 225, id="no discount"),
        ],
    )
    def test_oracles(self, churn, options, expected):
        assert ltv.ltv_margin_churn(15, 0.60, churn, **options) == pytest.approx(expected, rel=1e-14)

    @given(money, rates, rates, discount_rates, timings)
    @example(1.0, 1.0, 1e-100, 0.0, "end")
    @example(1.0, 1.0, 0.0, 1e-100, "middle")
    @example(1.0, 1.0, 1.0, 10.0, "start")
    def test_equals_its_sum(self, arpu, margin, churn, discount, timing):
        assume(churn + discount > 0)
        value = ltv.ltv_margin_churn(arpu, margin, churn, discount_rate=discount, timing=timing)
        with mpmath.workdps(150):
            explicit = survivor_sum(1 - mpmath.mpf(churn), discount, timing=timing)
        assert value == pytest.approx(arpu * margin * explicit, rel=1e-12)

    @given(st.floats(1e-6, 0.5), discount_rates)
    def test_falls_with_churn_and_discount(self, churn, discount):
        here = ltv.ltv_margin_churn(15, 0.6, churn, discount_rate=discount)
        assert ltv.ltv_margin_churn(15, 0.6, churn * 1.01, discount_rate=discount) < here
        assert ltv.ltv_margin_churn(15, 0.6, churn, discount_rate=discount + 0.01) < here

    def test_says_what_makes_a_churn_of_0_finite(self):
        error = refusal(ltv.ltv_margin_churn, churn_rate=[0.04, 0], discount_rate=None)
        assert (error.name, error.index, error.value) == ("churn_rate", 1, 0)
        assert "discount_rate" in str(error)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"arpu": -1}, "arpu"),
            ({"margin": 60}, "margin"),
            ({"churn_rate": 4}, "churn_rate"),
            ({"discount_rate": -0.01}, "discount_rate"),
            ({"discount_rate": 0, "churn_rate": 0}, "churn_rate"),
            ({"timing": "noon"}, "timing"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.ltv_margin_churn, **changes).name == name


class TestLtvNpv:
    """Sum over t of revenue_t m / (1 + d)^(t - 1 + s), minus the acquisition cost."""

    def test_worked_example(self):
        parts = [ltv.npv([0] * t + [flow], 0.10, timing="end") for t, flow in enumerate((100, 120, 150))]
        assert np.round(parts, 2).tolist() == [90.91, 99.17, 112.70]  # domain 2, formula 4
        assert ltv.ltv_npv([200, 240, 300], 0.5, 0.10, acquisition_cost=0).round(2) == 302.78
        assert ltv.ltv_npv([200, 240, 300], 0.5, 0.10, acquisition_cost=100).round(2) == 202.78

    @given(st.lists(money, min_size=1, max_size=30), rates, discount_rates, money, timings)
    def test_equals_its_sum(self, revenue, margin, discount, cost, timing):
        value = ltv.ltv_npv(revenue, margin, discount, acquisition_cost=cost, timing=timing)
        times = [t + SHIFTS[timing] for t in range(len(revenue))]
        explicit = explicit_npv([amount * margin for amount in revenue], discount, times)
        assert value == pytest.approx(explicit - cost, rel=1e-12, abs=1e-12 * (explicit + cost))

    def test_one_value_for_each_stream(self):
        streams = np.array([[200.0, 240.0], [100.0, 50.0]])
        values = ltv.ltv_npv(streams, [0.5, 0.4], [0.1, 0.2], acquisition_cost=[10, 20])
        alone = [
            ltv.ltv_npv(stream, [0.5, 0.4], rate, acquisition_cost=cost)
            for stream, rate, cost in zip(streams, [0.1, 0.2], [10, 20], strict=True)
        ]
        assert values.tolist() == alone

    def test_tiny_margins_are_no_error(self):
        assert ltv.ltv_npv([1e-60], 1e-60, 0, acquisition_cost=0) == pytest.approx(1e-120)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"revenue": 200}, "revenue"),
            ({"revenue": []}, "revenue"),
            ({"revenue": [[1, 1], [1, -1]]}, "revenue"),
            ({"margin": 50}, "margin"),
            ({"margin": [0.5, 0.5, 0.5]}, "margin"),
            ({"discount_rate": [0.1, 0.1, 0.1]}, "discount_rate"),
            ({"discount_rate": -0.1}, "discount_rate"),
            ({"acquisition_cost": -1}, "acquisition_cost"),
            ({"timing": "later"}, "timing"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.ltv_npv, **changes).name == name


class TestLtvSegments:
    """Sum over segments, and over periods if there are any, of revenue x retention probability x margin."""

    def test_oracle(self):
        found = ltv.ltv_segments([100_000, 40_000], [0.8, 0.5], [0.3, 0.4])  # by hand
        assert (found.values.tolist(), found.total) == ([24_000, 8_000], 32_000)

    @pytest.mark.parametrize(
        ("revenue", "stay", "margin", "expected"),
        [  # by hand
            ([[100, 200], [300, 400]], [[1, 0.5], [0.8, 0.25]], [[0.5, 0.1], [0.2, 0.3]], [60, 78]),
            ([[100, 200], [300, 400]], [[1, 0.5], [0.8, 0.25]], [0.5, 0.1], [100, 34]),
            ([[100, 200], [300, 400]], [1, 0.5], 0.5, [150, 175]),  # one a segment: the rows, not the columns
            ([[100, 200], [300, 400]], 0.5, 0.5, [75, 175]),
            ([[100, 200, 300]], [0.5], [0.2], [60]),
            ([[100], [200]], [[0.5], [1]], 1, [50, 200]),
        ],
    )
    def test_over_periods(self, revenue, stay, margin, expected):
        found = ltv.ltv_segments(revenue, stay, margin)
        assert found.values.tolist() == pytest.approx(expected, rel=1e-14)
        assert found.total == pytest.approx(sum(expected), rel=1e-14)

    def test_the_example_over_periods(self):
        """Half of each revenue of the example in either period; 80 % and 50 % are there in the second."""
        found = ltv.ltv_segments([[50_000] * 2, [20_000] * 2], [[1, 0.8], [1, 0.5]], [0.3, 0.4])
        assert (found.values.tolist(), found.total) == ([27_000, 12_000], 39_000)  # 15,000 + 12,000; 8,000 + 4,000

    @given(
        st.lists(st.tuples(st.integers(0, 10**6), rates, rates), min_size=1, max_size=6),
        st.integers(1, 24),
    )
    def test_a_curve_of_retention_gives_the_value_at_constant_retention(self, rows, n):
        """The same money each period, kept at a constant rate: the finite sum of `ltv_retention` without discount."""
        arpu, retention, margin = map(list, zip(*rows, strict=True))
        found = ltv.ltv_segments([[money] * n for money in arpu], ltv.retention_curve(retention, n), margin)
        expected = [
            sum(money * kept**t * share for t in range(n))
            for money, kept, share in zip(arpu, retention, margin, strict=True)
        ]
        assert found.values.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-90)

    @given(st.lists(st.tuples(money, rates, rates), min_size=1, max_size=20))
    def test_one_period_is_the_whole_horizon(self, rows):
        revenue, stay, margin = zip(*rows, strict=True)
        by_period = ltv.ltv_segments([[amount] for amount in revenue], [[prob] for prob in stay], margin)
        assert by_period == ltv.ltv_segments(revenue, stay, margin)

    def test_a_tiny_value_is_no_error(self):
        assert ltv.ltv_segments([1e-60, 1], [1e-50, 1], 1).total == 1

    @given(st.lists(st.tuples(money, rates, rates), min_size=1, max_size=20), st.randoms())
    def test_total_is_the_sum_of_the_parts_in_any_order(self, rows, random):
        result = ltv.ltv_segments(*zip(*rows, strict=True))
        assert result.total == pytest.approx(sum(r * p * m for r, p, m in rows), rel=1e-12, abs=1e-90)
        random.shuffle(rows)
        assert ltv.ltv_segments(*zip(*rows, strict=True)).total == result.total

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"revenue": 100}, "revenue"),
            ({"revenue": []}, "revenue"),
            ({"revenue": [100]}, "prob_retained"),
            ({"revenue": [1, -1]}, "revenue"),
            ({"revenue": [[1, 2], [3, -1]]}, "revenue"),
            ({"revenue": [[[1, 2]]]}, "revenue"),
            ({"revenue": [[], []]}, "revenue"),
            ({"prob_retained": [[0.8, 0.5]]}, "prob_retained"),  # by period without periods
            ({"revenue": [[1, 2, 3], [4, 5, 6]], "margin": [0.1, 0.2, 0.3]}, "margin"),  # one for each period
            ({"revenue": [[1, 2, 3], [4, 5, 6]], "margin": [[0.1, 0.2, 0.3]]}, "margin"),
            ({"prob_retained": 80}, "prob_retained"),
            ({"margin": [0.3, 0.3, 0.3]}, "margin"),
            ({"as_of": ["2025-03-31"]}, "as_of"),
        ],
    )
    def test_refuses(self, changes, name):
        if changes == {"revenue": []}:
            changes |= {"prob_retained": 0.5, "margin": 0.5}
        assert refusal(ltv.ltv_segments, **changes).name == name

    def test_the_refusal_names_periods_only_where_there_are_some(self):
        assert "`revenue`" not in str(refusal(ltv.ltv_segments, revenue=[1, 2], margin=[0.1, 0.2, 0.3]))
        assert "`revenue`" in str(refusal(ltv.ltv_segments, revenue=[[1, 2], [3, 4]], margin=[0.1, 0.2, 0.3]))


class TestSegmentLtv:
    """Frozen: values, their total and their date; to JSON and back."""

    @pytest.mark.parametrize("as_of", [None, "2024-02-29"])
    def test_round_trip(self, as_of):
        kept = ltv.SegmentLtv(values=[0.1, 0.2, 0.3], as_of=as_of)
        assert json.loads(kept.to_json())["as_of"] == as_of
        assert (ltv.SegmentLtv.from_json(kept.to_json()) == kept) is True
        assert kept != ltv.SegmentLtv(values=[0.1, 0.2, 0.3], as_of="2024-03-01")
        assert kept != ltv.SegmentLtv(values=[0.1, 0.2, 0.4], as_of=as_of)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "[]", "{}", "null", None, '{"values": 1}', '{"values": [NaN]}', '{"values": [1], "names": 5}'),
            *('{"values": [1], "as_of": "soon"}', '{"values": [1], "as_of": null, "more": 1}'),
        ],
    )
    def test_refuses_other_text(self, text):
        with pytest.raises(InputError) as caught:
            ltv.SegmentLtv.from_json(text)
        assert (caught.value.name, caught.value.value) == ("text", text)

    @pytest.mark.parametrize("names", [5, "a", ["a", "b"]])
    def test_refuses_names(self, names):
        with pytest.raises(InputError) as caught:
            ltv.SegmentLtv(values=[1], names=names)
        assert caught.value.name == "names"

    def test_values_are_a_read_only_copy(self):
        source = np.array([1.0, 2.0])
        kept = ltv.SegmentLtv(values=source)
        source[0] = 9
        assert kept.total == 3
        with pytest.raises(ValueError, match="read-only"):
            kept.values[0] = 9


class TestLtvNetOfCosts:
    """(Revenue per period x periods) - cost to acquire and to serve."""

    @pytest.mark.parametrize(("winning", "serving"), [(1_000, 0), (0, 1_000), (600, 400)])
    def test_worked_example(self, winning, serving):
        value = ltv.ltv_net_of_costs(500, 24, acquisition_cost=winning, service_cost=serving)
        assert value == 11_000  # domain 2, formula 6

    @given(money, st.integers(0, 100), money, money)
    def test_costs_come_off_the_revenue(self, arpu, lifetime, winning, serving):
        value = ltv.ltv_net_of_costs(arpu, lifetime, acquisition_cost=winning, service_cost=serving)
        parts = [*([arpu] * lifetime), -winning, -serving]
        assert value == pytest.approx(math.fsum(parts), abs=1e-14 * sum(map(abs, parts)))

    @pytest.mark.parametrize("name", ["arpu", "lifetime", "acquisition_cost", "service_cost"])
    @pytest.mark.parametrize("wrong", [-1, math.nan])
    def test_refuses(self, name, wrong):
        error = refusal(ltv.ltv_net_of_costs, **{name: [wrong, 1]})
        assert (error.name, error.index) == (name, 0)


class TestLtvNetOfService:
    """Revenue - cost of serving."""

    def test_worked_example(self):
        assert ltv.ltv_net_of_service(6 * 2_000, 12 * 2 * 500) == 0  # domain 2, formula 7

    @given(money, money)
    def test_is_antisymmetric(self, revenue, service):
        assert ltv.ltv_net_of_service(revenue, service) == -ltv.ltv_net_of_service(service, revenue)

    @pytest.mark.parametrize("name", ["revenue", "service_cost"])
    @pytest.mark.parametrize("wrong", [-1, math.inf])
    def test_refuses(self, name, wrong):
        error = refusal(ltv.ltv_net_of_service, **{name: [1, wrong]})
        assert (error.name, error.index) == (name, 1)


class TestLtvRetention:
    """Sum over t = 0 ... n - 1 of arpu m r^t / (1 + d)^(t + s)."""

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            pytest.param((15, 0.6, 0.96, 0, "end", None), 225, id="domain 2, formula 3, as retention"),
            pytest.param((100, 0.5, 0.8, 0.1, "end", 2), 50 / 1.1 + 40 / 1.21, id="by hand"),
            pytest.param((100, 0.5, 0.8, 0.1, "start", 2), 50 + 40 / 1.1, id="by hand"),
            pytest.param((100, 0.5, 1, 0, "middle", 7), 350, id="nothing lost"),
            pytest.param((100, 0.5, 0, 0, "start", 7), 50, id="nobody stays"),
            pytest.param((100, 0.5, 0, 0, "start", None), 50, id="nobody stays, no horizon"),
            pytest.param((1, 1, 0.8, 0.1, "start", None), 1 + 0.8 / 0.3, id="first payment + m r / (1 + d - r)"),
        ],
    )
    def test_oracles(self, arguments, expected):
        *inputs, timing, n = arguments
        assert ltv.ltv_retention(*inputs, timing=timing, n_periods=n) == pytest.approx(expected, rel=1e-13)

    @given(rates, discount_rates, timings, horizons)
    @example(1.0, 1e-100, "end", 10**6)
    @example(1 - 2**-53, 0.0, "middle", 3)
    @example(1.0, 0.0, "middle", 10**6)
    @example(1e-100, 10.0, "start", 1)
    def test_equals_its_finite_sum(self, retention, discount, timing, n):
        value = ltv.ltv_retention(1, 1, retention, discount, timing=timing, n_periods=n)
        assert value == pytest.approx(survivor_sum(retention, discount, timing=timing, n=n), rel=1e-12)

    @given(rates, discount_rates, timings)
    @example(1.0, 1e-100, "end")
    @example(1 - 2**-53, 0.0, "end")
    def test_equals_its_infinite_sum(self, retention, discount, timing):
        assume(retention < 1 or discount > 0)
        value = ltv.ltv_retention(1, 1, retention, discount, timing=timing)
        assert value == pytest.approx(survivor_sum(retention, discount, timing=timing), rel=1e-12)

    @given(rates, discount_rates, st.integers(1, 40), timings)
    def test_equals_the_present_value_of_the_retention_curve(self, retention, discount, n, timing):
        stream = 7 * ltv.retention_curve(retention, n)
        stream[stream < 1e-99] = 0
        value = ltv.ltv_retention(14, 0.5, retention, discount, timing=timing, n_periods=n)
        assert value == pytest.approx(ltv.npv(stream, discount, timing=timing), rel=1e-12)

    @given(st.floats(0.01, 0.99), rates, st.one_of(st.none(), st.integers(1, 30)))
    def test_monthly_and_yearly_routes_agree(self, retention, discount, years):
        month = {"from_period": "year", "to_period": "month"}
        r = ltv.convert_rate(retention, kind="retention", **month)
        d = ltv.convert_rate(discount, kind="discount", **month)
        months = None if years is None else 12 * years
        a_year = math.fsum(10 * (r / (1 + d)) ** t for t in range(12))  # a customer's year of monthly payments
        monthly = ltv.ltv_retention(10, 1, r, d, timing="start", n_periods=months)
        yearly = ltv.ltv_retention(a_year, 1, retention, discount, timing="start", n_periods=years)
        assert monthly == pytest.approx(yearly, rel=1e-11)  # r near 1 carries the rounding of the conversion

    @given(st.floats(0.01, 0.98), st.floats(0.001, 1), st.integers(2, 100))
    def test_grows_with_retention_and_horizon_and_scales(self, retention, discount, n):
        value = ltv.ltv_retention(10, 0.5, retention, discount, timing="end", n_periods=n)
        assert ltv.ltv_retention(10, 0.5, retention + 0.01, discount, timing="end", n_periods=n) > value
        assert ltv.ltv_retention(10, 0.5, retention, discount, timing="end", n_periods=n - 1) <= value
        assert ltv.ltv_retention(10, 0.5, retention, discount, timing="end") >= value * (1 - 1e-14)
        assert ltv.ltv_retention(40, 0.5, retention, discount, timing="end", n_periods=n) == 4 * value

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"arpu": -1}, "arpu"),
            ({"margin": 60}, "margin"),
            ({"retention_rate": 80}, "retention_rate"),
            ({"discount_rate": -0.01}, "discount_rate"),
            ({"retention_rate": 1, "discount_rate": 0, "n_periods": None}, "discount_rate"),
            ({"n_periods": 0}, "n_periods"),
            ({"n_periods": 1.5}, "n_periods"),
            ({"n_periods": [1, 2, 3]}, "n_periods"),
            ({"timing": "noon"}, "timing"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.ltv_retention, **changes).name == name


class TestRecalculationDate:
    """The anchored, clamped date some months after the value's."""

    @pytest.mark.parametrize(
        ("as_of", "months", "expected"),
        [
            pytest.param("2025-01-31", 3, "2025-04-30", id="quarterly: domain 2"),
            pytest.param("2025-01-31", 1, "2025-02-28", id="monthly in fast markets: domain 2"),
            pytest.param("2023-05-31", 9, "2024-02-29", id="oracles 3, win-back table"),
        ],
    )
    def test_oracles(self, as_of, months, expected):
        assert ltv.recalculation_date(as_of, every_months=months) == np.datetime64(expected)

    def test_a_quarter_unless_said(self):
        assert ltv.recalculation_date("2025-01-31") == np.datetime64("2025-04-30")

    def test_the_last_day_of_all(self):
        assert ltv.recalculation_date("9999-10-31", every_months=2) == np.datetime64("9999-12-31")
        assert refusal(ltv.recalculation_date, as_of="9999-12-01", every_months=1).name == "as_of"

    @given(dates, st.integers(1, 48))
    def test_is_in_the_month_so_many_later_and_never_past_its_day(self, as_of, months):
        due = ltv.recalculation_date(as_of, every_months=months)
        assert (due.astype("M8[M]") - as_of.astype("M8[M]")).astype(int) == months
        assert due.item().day <= as_of.item().day

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"as_of": ["2025-01-01", "2025-02-29"]}, "as_of"),
            ({"as_of": 20250101}, "as_of"),
            ({"as_of": ["2025-01-01", "9999-10-01"]}, "as_of"),
            ({"every_months": 2**53}, "every_months"),
            ({"every_months": 120_000}, "as_of"),
            ({"every_months": 120_001}, "every_months"),
            ({"every_months": 0}, "every_months"),
            ({"every_months": [3, 3]}, "every_months"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.recalculation_date, **changes).name == name


class TestIsStale:
    """True from the recalculation date on."""

    @pytest.mark.parametrize(("on", "expected"), [("2025-04-29", False), ("2025-04-30", True), ("2026-01-01", True)])
    def test_oracles(self, on, expected):
        assert ltv.is_stale("2025-01-31", on) == expected  # by hand

    @given(dates, st.integers(1, 24))
    def test_changes_on_the_very_day(self, as_of, months):
        due = ltv.recalculation_date(as_of, every_months=months)
        assert ltv.is_stale(as_of, due, every_months=months)
        assert not ltv.is_stale(as_of, due - np.timedelta64(1, "D"), every_months=months)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"as_of": "yesterday"}, "as_of"),
            ({"on": ["2025-01-01", "2025-01-02"]}, "on"),
            ({"on": None}, "on"),
            ({"every_months": 1.5}, "every_months"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.is_stale, **changes).name == name


class TestModule:
    """Every value says its basis: revenue, margin, before or net of acquisition cost."""

    def test_basis_is_stated(self):
        for name in ltv.__all__:
            if name.startswith("ltv_"):
                assert "Basis:" in getattr(ltv, name).__doc__, name


@pytest.mark.parametrize("name", [timedelta(1), None, np.nan, True, b"a", np.timedelta64(1, "D"), ("a",)])
def test_what_is_no_name_does_not_become_a_text(name):
    with pytest.raises(InputError) as caught:
        ltv.ltv_segments([1, 2], 0.5, 0.5, names=["b", name])
    assert caught.value.name == "names"
    with pytest.raises(InputError) as caught:
        ltv.split_budget(9, spend={name: 5}, n_new={name: 5}, value={name: 5}, target_ratio=3, keep="total")
    assert caught.value.name == "spend"
    assert ltv.ltv_segments([1, 2], 0.5, 0.5, names=["b", np.int64(7)]).names == ("b", "7")
