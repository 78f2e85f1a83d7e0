"""Concentration of value: Gini, Lorenz curve, share of the best."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.segmentation import concentration, customer_share, gini, lorenz_curve, top_share

values = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any)

REJECTED = [
    ([1.0, -2.0], "value", 1),
    ([1.0, -1e-9], "value", 1),  # the least that is no residue
    ([1.0, np.nan], "value", 1),
    ([np.inf, 1.0], "value", 0),
    ([0.0, 0.0], "value", None),
    ([], "value", None),
    ([[1.0]], "value", None),
]


@pytest.mark.parametrize("residue", [4e-16, -4e-16, 9.9e-10, -9.9e-10, 1e-167])
class TestResidues:
    """What binary arithmetic leaves of nothing counts as 0, above and below 0; the total is nothing without others."""

    def test_counts_as_nothing(self, residue):
        with_it, without = [50, residue, 10, 20], [50, 0, 10, 20]
        assert gini(with_it) == gini(without)
        assert lorenz_curve(with_it) == lorenz_curve(without)
        assert top_share(with_it, 0.3) == top_share(without, 0.3)
        assert customer_share(with_it, 1) == customer_share(without, 1) == 0.75
        assert concentration(with_it) == concentration(without)

    def test_alone_is_nothing(self, residue):
        for function in (gini, lorenz_curve, concentration):
            with pytest.raises(InputError, match="above 0 for at least one customer"):
                function([residue, 0.0])


@pytest.mark.parametrize("function", [gini, lorenz_curve, concentration])
class TestNothing:
    """Shares need a sum; the error shows what stands in its place."""

    def test_no_customers(self, function):
        with pytest.raises(InputError, match=r"at least one customer; got 0$"):
            function([])

    def test_no_value(self, function):
        with pytest.raises(InputError, match=r"above 0 for at least one customer; got 0\.0$"):
            function([0, 0])


class TestGini:
    """Mean absolute difference of two customers over twice the mean."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ([1, 2, 3, 4, 5], 4 / 15),  # known answer: Gini of 1...5
            ([7, 7, 7], 0.0),  # definition
            ([0, 0, 0, 1], 3 / 4),  # definition: one of n holds all, 1 - 1/n
        ],
    )
    def test_known(self, value, expected):
        assert gini(value) == pytest.approx(expected, rel=1e-14)

    @given(values)
    def test_equals_its_definition(self, value):
        pairs = sum(abs(Fraction(a) - b) for a in value for b in value)
        assert gini(value) == pytest.approx(float(pairs / (2 * len(value) * sum(value))), rel=1e-12, abs=1e-12)

    @given(values, st.randoms(use_true_random=False))
    def test_order_of_customers_does_not_matter(self, value, random):
        shuffled = value.copy()
        random.shuffle(shuffled)
        assert gini(shuffled) == gini(value)

    @pytest.mark.parametrize(("value", "name", "index"), REJECTED)
    def test_rejects(self, value, name, index):
        with pytest.raises(InputError) as caught:
            gini(value)
        assert (caught.value.name, caught.value.index) == (name, index)


class TestLorenzCurve:
    """Share of the value held by the poorest part of the customers."""

    @given(values)
    def test_is_convex_from_zero_to_one_and_encloses_half_of_gini(self, value):
        curve = lorenz_curve(value)
        assert curve.value_share[0] == 0
        assert curve.value_share[-1] == 1
        steps = np.diff(curve.value_share)
        assert (np.diff(steps) >= -1e-12).all()
        under = np.trapezoid(curve.value_share, curve.customer_share)
        n = len(value)
        assert 1 - 2 * under == pytest.approx(gini(value), abs=1e-12)
        assert curve.customer_share == pytest.approx(np.arange(n + 1) / n)

    @pytest.mark.parametrize(("value", "name", "index"), REJECTED)
    def test_rejects(self, value, name, index):
        with pytest.raises(InputError) as caught:
            lorenz_curve(value)
        assert (caught.value.name, caught.value.index) == (name, index)


class TestTopShare:
    """Value of the best part of the customers over the value of all."""

    @pytest.mark.parametrize(
        ("value", "share", "expected"),
        [
            ([50, 10, 10, 10, 20], 0.2, 0.5),  # definition
            ([50, 10, 10, 10, 20], 0.3, 0.6),  # half of the second best counts
            ([3, 1], 0.0, 0.0),
            ([3, 1], 1.0, 1.0),
        ],
    )
    def test_known(self, value, share, expected):
        assert top_share(value, share) == pytest.approx(expected, rel=1e-14)

    @given(values, st.integers(0, 40))
    def test_whole_customers_equal_the_plain_sum(self, value, k):
        k = min(k, len(value))
        best = sum(sorted(value, reverse=True)[:k])
        assert top_share(value, k / len(value)) == pytest.approx(best / sum(value), rel=1e-9, abs=1e-9)

    @given(values)
    def test_is_the_lorenz_curve_from_the_other_end(self, value):
        curve = lorenz_curve(value)
        assert top_share(value, 1 - curve.customer_share) == pytest.approx(1 - curve.value_share, abs=1e-9)

    def test_a_share_that_was_asked_for_keeps_its_digits(self):
        """The best 2 % hold more than the best 1.5 %, and 75 % of the customers do not hold all of the value."""
        found = concentration([60, 30, 9, 1], best_customers=0.015, value_share=0.995, warning_share=0.0125)
        assert found.conclusion == (
            "the best 1.5% of the customers hold 4% of the value; the best 88% hold 99.5%; "
            "the warning share of 1.25% is reached"
        )
        assert "hold 99.7% of" in concentration([997, 1, 1, 1], best_customers=0.25).conclusion

    @pytest.mark.parametrize(("value", "name", "index"), REJECTED)
    def test_rejects_values(self, value, name, index):
        with pytest.raises(InputError) as caught:
            top_share(value, 0.1)
        assert (caught.value.name, caught.value.index) == (name, index)

    @pytest.mark.parametrize("share", [-0.1, 10, np.nan])
    def test_rejects_shares(self, share):
        with pytest.raises(InputError, match="customer_share"):
            top_share([1, 2], share)


class TestCustomerShare:
    """Smallest part of the customers that holds a part of the value."""

    @pytest.mark.parametrize(
        ("value", "share", "expected"),
        [
            ([50, 10, 10, 10, 20], 0.5, 0.2),  # the best of five holds half
            ([50, 10, 10, 10, 20], 0.6, 0.3),  # and half of the second best a tenth
            ([0, 0, 4, 4], 1.0, 0.5),  # who holds nothing is not needed
            ([3, 1], 0.0, 0.0),
        ],
    )
    def test_known(self, value, share, expected):
        assert customer_share(value, share) == pytest.approx(expected, rel=1e-14)

    @given(values, st.floats(0, 1).map(lambda share: 0.0 if share < 1e-12 else share))
    def test_undoes_top_share(self, value, share):
        assert top_share(value, customer_share(value, share)) == pytest.approx(share, abs=1e-9)

    @pytest.mark.parametrize("share", [-0.1, 80, np.nan])
    def test_rejects(self, share):
        with pytest.raises(InputError, match="value_share"):
            customer_share([1, 2], share)


class TestConcentration:
    """Gini, value of the best customers, holders of a share of the value, and a warning from a level on."""

    def test_known(self):
        """By hand: the best of five holds half of 100, the best 2.5 hold 75."""
        found = concentration([50, 10, 10, 10, 20], best_customers=0.2, value_share=0.75, warning_share=0.45)
        assert (found.best_customers, found.value_share, found.warning_share) == (0.2, 0.75, 0.45)
        assert found.value_of_best == pytest.approx(0.5, rel=1e-14)
        assert found.holders == pytest.approx(0.5, rel=1e-14)
        assert found.gini == pytest.approx((-4 * 10 - 2 * 10 + 2 * 20 + 4 * 50) / 500, rel=1e-14)
        assert found.is_warning

    @given(values, st.integers(1, 99), st.integers(1, 99))
    def test_equals_its_definition(self, value, best_percent, value_percent):
        """In fractions: whole customers first, then a part of the next."""
        found = concentration(value, best_customers=best_percent / 100, value_share=value_percent / 100)
        ordered = sorted(value, reverse=True)
        best = Fraction(best_percent, 100) * len(value)
        held = sum(mine * min(max(best - i, Fraction(0)), 1) for i, mine in enumerate(ordered))
        assert found.value_of_best == pytest.approx(float(held / sum(value)), rel=1e-9)
        left, needed = Fraction(value_percent, 100) * sum(value), Fraction(0)
        for mine in ordered:
            if left > 0:
                needed += min(left / mine, 1)
                left -= min(left, mine)
        assert found.holders == pytest.approx(float(needed / len(value)), rel=1e-9)
        pairs = sum(abs(Fraction(a) - b) for a in value for b in value)
        assert found.gini == pytest.approx(float(pairs / (2 * len(value) * sum(value))), abs=1e-12)
        assert not found.is_warning

    @pytest.mark.parametrize(("level", "warns"), [(None, False), (0.49, True), (0.5, True), (0.51, False)])
    def test_warns_from_the_level_on(self, level, warns):
        found = concentration([2, 1, 1], best_customers=1 / 3, warning_share=level)
        assert found.is_warning is warns
        assert ("warning share" in found.conclusion) is warns

    def test_warns_at_the_level_but_for_rounding(self):
        value = np.array([97, 87, 87, 81, 68, 45, 38, 28, 25, 19]) / 100  # 184 of 575 is 0.32
        assert concentration(value, best_customers=0.2, warning_share=0.32).is_warning
        assert not concentration(value, best_customers=0.2, warning_share=0.320001).is_warning

    def test_says_it_in_a_sentence(self):
        said = concentration([50, 10, 10, 10, 20], best_customers=0.2, value_share=0.5).conclusion
        assert said == "the best 20% of the customers hold 50% of the value; the best 20% hold 50%"
        few = concentration([10**6] + [1] * 1999, best_customers=0.005, warning_share=0.8).conclusion
        assert few == (
            "the best 0.5% of the customers hold 99.8% of the value; the best 0.04% hold 80%; "
            "the warning share of 80% is reached"
        )

    def test_a_share_below_the_warning_is_not_written_as_it(self):
        value = [398, 302, 100, 100, 100]
        found = concentration(value, best_customers=0.2, warning_share=0.4)
        assert found.conclusion.startswith("the best 20% of the customers hold 39.8% of the value; ")
        assert not found.is_warning
        assert "hold 40% of the value" in concentration(value, best_customers=0.2).conclusion

    @pytest.mark.parametrize(("value", "name", "index"), REJECTED)
    def test_rejects_values(self, value, name, index):
        with pytest.raises(InputError) as caught:
            concentration(value)
        assert (caught.value.name, caught.value.index) == (name, index)

    @pytest.mark.parametrize("name", ["best_customers", "value_share", "warning_share"])
    @pytest.mark.parametrize("wrong", [0, 1, -0.1, 10, np.nan, "0.1", True, [0.1]])
    def test_rejects_shares(self, name, wrong):
        with pytest.raises(InputError) as caught:
            concentration([1, 2], **{name: wrong})
        assert caught.value.name == name
