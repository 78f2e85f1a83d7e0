"""Funnels and their conversion from counts."""

from __future__ import annotations

import math
from fractions import Fraction

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue import funnels
from crmvalue.errors import InputError
from crmvalue.funnels import Funnel, FunnelConversion, funnel_conversion
from crmvalue.metrics import proportion_interval
from tests.work import n_calls

falling = st.lists(st.integers(0, 400), min_size=2, max_size=6).map(
    lambda row: sorted((x + 1 for x in row), reverse=True)
)
falling_to_zero = falling.map(lambda row: [row[0], *(x - 1 for x in row[1:])])


def z_test(x1, n1, x2, n2):
    """Two-proportion z test with a pooled variance, two-sided."""
    p = (x1 + x2) / (n1 + n2)
    z = (x1 / n1 - x2 / n2) / math.sqrt(p * (1 - p) * (1 / n1 + 1 / n2))
    return math.erfc(abs(z) / math.sqrt(2))


def exact_test(x1, n1, x2, n2):
    """Fisher's: the probability of all tables with these margins that are at most as likely as this one."""
    total = x1 + x2

    def ways(x):
        return math.comb(n1, x) * math.comb(n2, total - x)

    possible = [ways(x) for x in range(max(0, total - n2), min(n1, total) + 1)]
    return float(Fraction(sum(w for w in possible if w <= ways(x1)), sum(possible)))


def expected_p(row, one, other):
    x1, n1, x2, n2 = row[one + 1], row[one], row[other + 1], row[other]
    won, lost = x1 + x2, n1 + n2 - x1 - x2
    smallest = min(n1, n2) * min(won, lost) / (n1 + n2)
    return exact_test(x1, n1, x2, n2) if smallest < 5 else z_test(x1, n1, x2, n2)


class TestFunnel:
    """Named stages in order."""

    @pytest.mark.parametrize(
        ("funnel", "stages"),
        [  # domain.md, section 5
            (funnels.AIDA, "attention interest desire action"),
            (funnels.SALES, "lead qualified presentation offer deal"),
            (funnels.B2B, "need search evaluation agreement contract after-sales"),
            (funnels.TOP_MIDDLE_BOTTOM, "top middle bottom"),
            (funnels.MQL_SQL, "MQL SQL"),
        ],
    )
    def test_presets(self, funnel, stages):
        assert list(funnel.stages) == stages.split()
        assert funnel.name
        assert Funnel.from_json(funnel.to_json()) == funnel

    @given(st.lists(st.text(min_size=1).filter(str.strip), min_size=2, unique=True), st.text())
    def test_json_round_trip(self, stages, name):
        funnel = Funnel(stages, name=name)
        assert Funnel.from_json(funnel.to_json()) == funnel
        assert len(funnel) == len(stages)
        assert hash(funnel) == hash(Funnel(tuple(stages), name=name))

    @pytest.mark.parametrize("stages", [["a"], [], "ab", ["a", "a"], ["a", " "], ["a", 1], None, 3])
    def test_rejects_stages(self, stages):
        with pytest.raises(InputError) as caught:
            Funnel(stages)
        assert caught.value.name == "stages"

    @pytest.mark.parametrize("text", ["", "[]", '{"stages": ["a"]}', '{"stages": ["a", "b"], "x": 1}'])
    def test_rejects_json(self, text):
        with pytest.raises(InputError, match="text"):
            Funnel.from_json(text)

    def test_rejects_a_name_that_is_no_text(self):
        with pytest.raises(InputError, match="name"):
            Funnel(["a", "b"], name=1)


class TestConversion:
    """Moved on / were at it; overall: reached the last / entered."""

    def test_known_answer(self):
        """500 enquiries, 300 calls, 120 presentations: domain.md, section 5."""
        result = funnel_conversion([500, 300, 120], funnel=Funnel(["enquiry", "call", "presentation"]))
        assert result.step_conversion.tolist() == [0.60, 0.40]
        assert result.overall_conversion == 0.24
        assert result.lost.tolist() == [200, 180]
        assert result.weakest_step == ("call", "presentation")
        assert result.neighbour_p_value[0] == pytest.approx(z_test(300, 500, 120, 300), rel=1e-9)
        assert np.isnan(result.neighbour_p_value[1])
        assert result.is_weakest_beyond_chance is True
        assert "120 of 500 reached presentation (24.0%" in result.conclusion
        assert (
            "call to presentation: 120 of 300 (40.0%): lower than the step before it (p < 0.0001)" in result.conclusion
        )

    @pytest.mark.parametrize(
        ("x", "n", "low", "high"),  # Wilson, oracles.md, section 4
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_wilson(self, x, n, low, high):
        result = funnel_conversion([n, x])
        for interval in (result.overall_interval, first_step(result.step_interval)):
            assert (float(interval[0]), float(interval[1])) == pytest.approx((low, high), abs=5e-5)

    def test_the_z_test_of_the_reference(self):
        """200/1000 against 250/1000: p .00742, oracles.md, section 4."""
        assert z_test(200, 1000, 250, 1000) == pytest.approx(0.00742, abs=5e-6)

    @given(st.lists(falling_to_zero, min_size=1, max_size=3).filter(lambda rows: len({len(row) for row in rows}) == 1))
    def test_equals_its_definition(self, rows):
        result = funnel_conversion(rows, by=[f"g{i}" for i in range(len(rows))])
        k = len(rows[0])
        for g, row in enumerate(rows):
            rates = [row[i + 1] / row[i] if row[i] else math.nan for i in range(k - 1)]
            np.testing.assert_array_equal(result.step_conversion[g], rates)
            assert result.overall_conversion[g] == row[-1] / row[0]
            assert result.lost[g].sum() == row[0] - row[-1]
            known = [rate for rate in rates if not math.isnan(rate)]
            weakest = rates.index(min(known))
            assert result.weakest_step[g] == (f"stage {weakest + 1}", f"stage {weakest + 2}")
            for i in range(k - 1):
                interval = result.step_interval.low[g, i], result.step_interval.high[g, i]
                if row[i]:
                    alone = proportion_interval(row[i + 1], row[i])  # numbers and columns may differ in the last bit
                    np.testing.assert_allclose(interval, alone, rtol=1e-14)
                else:
                    assert np.isnan(interval).all()
            n_pairs = max(len(rows) * (k - 2), 1)
            for side, other in enumerate((weakest - 1, weakest + 1)):
                made = result.neighbour_p_value[g, side]
                if not 0 <= other < k - 1 or not row[other]:
                    assert np.isnan(made)
                else:
                    expected = min(1.0, n_pairs * expected_p(row, weakest, other))
                    assert made == pytest.approx(expected, rel=1e-6, abs=1e-12)

    @given(falling)
    def test_step_conversions_multiply_to_the_overall(self, row):
        result = funnel_conversion(row)
        assert math.prod(result.step_conversion) == pytest.approx(float(result.overall_conversion), rel=1e-12)
        low, high = result.overall_interval
        assert low <= result.overall_conversion <= high

    @given(
        st.integers(2, 5).flatmap(lambda k: st.lists(st.lists(st.integers(1, 400), min_size=k, max_size=k), min_size=1))
    )
    def test_groups_are_rows(self, rows):
        rows = [sorted(row, reverse=True) for row in rows]
        result = funnel_conversion(rows, by=[str(i) for i in range(len(rows))])
        for g, row in enumerate(rows):
            one = funnel_conversion(row)
            assert result.step_conversion[g].tolist() == one.step_conversion.tolist()
            assert result.overall_interval.low[g] == pytest.approx(one.overall_interval.low, rel=1e-14)
            assert result.weakest_step[g] == one.weakest_step
        assert len(result.conclusion.split("\n")) == len(rows)

    @pytest.mark.parametrize(
        ("row", "test"),
        [
            ((30, 10, 10), z_test),  # the least expected count is 10 * 20 / 40 = 5
            ((30, 9, 8), exact_test),  # 9 * 17 / 39, below 5
        ],
    )
    def test_which_test_of_two_steps(self, row, test):
        entered, went_on, stayed = row  # the first step is the weakest
        expected = test(went_on, entered, stayed, went_on)
        assert funnel_conversion(row).neighbour_p_value[1] == pytest.approx(expected, rel=1e-9)

    def test_a_whole_number_is_the_name_of_a_group(self):
        result = funnel_conversion([[10, 5], [8, 2]], by=[2023, np.int64(2024)])
        assert result.groups == ("2023", "2024")
        with pytest.raises(InputError, match="by"):
            funnel_conversion([[10, 5], [8, 2]], by=[True, False])

    def test_counts_by_name_come_in_the_order_of_the_funnel(self):
        funnel = Funnel(["visit", "cart", "order"])
        result = funnel_conversion({"order": 2, "visit": 10, "cart": 5}, funnel=funnel)
        assert result == funnel_conversion([10, 5, 2], funnel=funnel)
        assert funnel_conversion({"visit": 10, "cart": 5}).stages == ("visit", "cart")
        for counts, stage in (
            ({"visit": 10, "cart": 5}, "order"),
            ({"visit": 10, "cart": 5, "order": 2, "return": 1}, "return"),
            ({"visit": 10, "card": 5, "order": 2}, "cart"),
        ):
            with pytest.raises(InputError, match="of the stages visit, cart, order") as caught:
                funnel_conversion(counts, funnel=funnel)
            assert caught.value.value == stage

    def test_chance_alone_is_not_a_leak(self):
        result = funnel_conversion([100, 50, 24])
        assert result.weakest_step == ("stage 2", "stage 3")
        assert result.is_weakest_beyond_chance is False
        assert "no difference shown from the step before it" in result.conclusion

    def test_false_alarms_stay_below_the_level(self):
        """Six equal steps, 400 funnels: the weakest differs from a neighbour at the 5 % level in at most 5 %."""
        rng = np.random.default_rng(1)
        rows = [np.full(400, 2000)]
        for _ in range(6):
            rows.append(rng.binomial(rows[-1], 0.6))
        rows = np.array(rows).T
        alarms = sum((funnel_conversion(row).neighbour_p_value < 0.05).any() for row in rows)
        assert alarms <= 30  # at most 20 expected, with a standard error of 4.4

    def test_one_step_has_no_neighbour(self):
        result = funnel_conversion([10, 5])
        assert result.is_weakest_beyond_chance is False
        assert "no other step" in result.conclusion

    def test_all_convert_everywhere(self):
        result = funnel_conversion([100_000, 100_000, 100_000])
        assert result.neighbour_p_value[1] == 1.0
        assert result.weakest_step == ("stage 1", "stage 2")

    @pytest.mark.parametrize(
        ("arguments", "name", "index"),
        [
            ({"counts": [100, 120, 50]}, "counts", 1),
            ({"counts": [[100, 50], [100, 101]], "by": ["a", "b"]}, "counts", (1, 1)),
            ({"counts": [-1, 0]}, "counts", 0),
            ({"counts": [10.5, 2]}, "counts", 0),
            ({"counts": [0, 0]}, "counts", 0),
            ({"counts": [[0, 0], [0, 0]], "by": ["a", "b"]}, "counts", (0, 0)),
            ({"counts": [10]}, "counts", None),
            ({"counts": 10}, "counts", None),
            ({"counts": [[[10, 5]]]}, "counts", None),
            ({"counts": [10, np.nan]}, "counts", 1),
            ({"counts": [10, 5, 2], "funnel": Funnel(["a", "b"])}, "counts", None),
            ({"counts": [10, 5], "funnel": ["a", "a"]}, "funnel", 1),
            ({"counts": [10, 5], "by": ["a"]}, "by", None),
            ({"counts": [[10, 5]]}, "by", None),
            ({"counts": [[10, 5]], "by": ["a", "b"]}, "by", None),
            ({"counts": [[10, 5], [9, 4]], "by": ["a", "a"]}, "by", 1),
            ({"counts": [10, 5], "level": 95}, "level", None),
            ({"counts": {False: [5, 4], True: [3, 2]}}, "counts", None),
            ({"counts": {1: 5, 2: 4}}, "counts", None),
            ({"counts": {"": 5, "order": 4}}, "counts", 0),
        ],
    )
    def test_rejections(self, arguments, name, index):
        with pytest.raises(InputError) as caught:
            funnel_conversion(**arguments)
        assert (caught.value.name, caught.value.index) == (name, index)


def first_step(interval):
    """Give the first step of an interval for each step."""
    return interval.low[0], interval.high[0]


def test_a_group_without_prospects_gets_no_rates_and_changes_no_other():
    rows = [[500, 300, 120], [0, 0, 0], [400, 200, 150]]
    made = funnel_conversion(rows, by=["web", "fair", "mail"])
    others = funnel_conversion([rows[0], rows[2]], by=["web", "mail"])
    assert np.isnan(made.overall_conversion).tolist() == [False, True, False]
    np.testing.assert_array_equal(made.neighbour_p_value[[0, 2]], others.neighbour_p_value)
    assert made.is_weakest_beyond_chance.tolist() == [True, False, True]
    assert made.weakest_step == (others.weakest_step[0], None, others.weakest_step[1])
    assert made.conclusion == others.conclusion + "\n1 group has no attempt to count yet."


class TestFunnelConversion:
    """A frozen value of counts and names."""

    @given(st.lists(falling_to_zero, min_size=1, max_size=3).filter(lambda rows: len({len(row) for row in rows}) == 1))
    def test_json_round_trip(self, rows):
        result = funnel_conversion(rows, by=[f"g{i}" for i in range(len(rows))], level=0.9)
        assert FunnelConversion.from_json(result.to_json()) == result
        assert FunnelConversion.from_json(funnel_conversion(rows[0]).to_json()) == funnel_conversion(rows[0])

    def test_cannot_be_changed(self):
        result = funnel_conversion([10, 5])
        with pytest.raises(ValueError, match="read-only"):
            result.counts[0] = 1
        with pytest.raises(InputError, match="counts"):
            attrs.evolve(result, stages=("a", "b", "c"))

    def test_alike_attempts_count_as_the_nearest_whole_prospects(self):
        """3 of 10 attempts, as much as 4 prospects at the first stage, are 1.2 of them."""
        made = FunnelConversion(counts=[10, 3], stages=("a", "b"), level=0.95, n_independent=[4, 2])
        assert tuple(made.overall_interval) == tuple(proportion_interval(1, 4))
        assert tuple(np.ravel(made.step_interval)) == tuple(proportion_interval(1, 4))

    def test_intervals_hold_shares_of_less_than_one_prospect(self):
        made = FunnelConversion(counts=[10, 4], stages=("a", "b"), level=0.01, n_independent=[1, 1])
        assert (made.overall_interval.low, made.overall_interval.high) == (0.0, 0.4)
        assert made.step_interval.high.tolist() == [0.4]

    @pytest.mark.parametrize("text", ["", "{}", '{"counts": [1, 2], "stages": ["a", "b"]}'])
    def test_rejects_json(self, text):
        with pytest.raises(InputError, match="text"):
            FunnelConversion.from_json(text)


def test_tests_of_many_groups_are_those_of_each_group_and_take_no_time():
    """A loop over 20,000 groups took 6 s of the processor each time, and 100,000 took half a minute."""
    rng = np.random.default_rng(5)
    counts = np.sort(rng.integers(0, 10 ** rng.integers(1, 6, (20_000, 1)), (20_000, 5)), axis=1)[:, ::-1]
    result = funnel_conversion(counts, by=[f"page {i}" for i in range(20_000)])
    n_done, found = n_calls(lambda: result.neighbour_p_value)
    assert n_done < 10_000  # 160,000 for 200 groups in a loop
    for g in np.nonzero(counts[:, 0])[0][::997]:
        k = int(np.nanargmin(result.step_conversion[g]))
        alone = [
            min(1.0, 3 * int(np.count_nonzero(counts[:, 0])) * two_rates(counts[g], k, other)) if usable else np.nan
            for other in (k - 1, k + 1)
            for usable in [0 <= other < 4 and counts[g, other] > 0]
        ]
        np.testing.assert_allclose(found[g], alone, rtol=1e-6)  # scipy's chi-squared tail


def two_rates(counts, one, other):
    """Fisher's or the chi-squared test of two steps, by scipy."""
    table = np.array([[counts[k + 1], counts[k] - counts[k + 1]] for k in (one, other)])
    if (table.sum(axis=1, keepdims=True) * table.sum(axis=0)).min() < 5 * table.sum():
        return stats.fisher_exact(table).pvalue
    return stats.chi2_contingency(table, correction=False).pvalue
