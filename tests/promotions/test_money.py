"""Exact money: what is taken, how it is rounded, how it is split."""

from __future__ import annotations

import decimal
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._core.money import (
    as_currency,
    as_minor,
    as_money,
    as_percent,
    divide_rounded,
    exponent_of,
    money_text,
    shifted,
)
from crmvalue._core.money import split_amount as split
from crmvalue.errors import InputError

SIZES = st.lists(st.integers(0, 10**6), min_size=1, max_size=8)


class TestShifted:
    """`shifted`: "a number times a power of ten exactly, whatever decimal context the host has"."""

    @given(st.decimals(-(10**15), 10**15, allow_nan=False), st.integers(0, 4), st.integers(1, 40))
    def test_equals_fractions_in_every_context(self, value, digits, precision):
        exact = Fraction(value) * 10**digits
        with decimal.localcontext(decimal.Context(prec=precision)):
            assert shifted(value, digits) == (exact if exact.denominator == 1 else None)

    @pytest.mark.parametrize("text", ["1E-999999", "0.1000000000000000000000000000000000000001"])
    def test_tiny_remainders_are_seen(self, text):
        assert shifted(Decimal(text), 4) is None
        assert shifted(Decimal("0E-999999"), 4) == shifted(Decimal("0E+999999"), 4) == 0

    def test_money_does_not_depend_on_the_context(self):
        with decimal.localcontext(decimal.Context(prec=3)):
            assert as_minor("price", as_money("price", "1850.55"), 2) == 185055
            assert money_text(185055, 2) == "1850.55"
            assert [money_text(-5, 2), money_text(-5, 0), money_text(12345, 3)] == ["-0.05", "-5", "12.345"]


class TestAsMoney:
    """A whole number of minor units, a Decimal or text."""

    @pytest.mark.parametrize(
        ("value", "exponent", "minor"),
        [(1850, 2, 1850), ("18.50", 2, 1850), (Decimal("18.5"), 2, 1850), ("1850", 2, 185000), ("1850", 0, 1850),
         ("1.234", 3, 1234), (np.int64(7), 2, 7), ("0", 2, 0),
         pytest.param("1." + "0" * 6000, 2, 100, id="6000 zeros"), (Decimal("1.5E+3"), 2, 150000)],
    )  # fmt: skip
    def test_takes(self, value, exponent, minor):
        assert as_minor("price", as_money("price", value), exponent) == minor

    @pytest.mark.parametrize("value", [1.5, np.float64(2), True, None, -1, "-0.01", 10**16, [1], np.timedelta64(1)])
    def test_refuses_what_is_no_amount(self, value):
        with pytest.raises(InputError, match="price"):
            as_money("price", value)

    @pytest.mark.parametrize("value", ["1e3", "1_000", " 1", "", "\u0661", "NaN", Decimal("NaN"), Decimal("Infinity")])
    def test_refuses(self, value):
        with pytest.raises(InputError, match="price"):
            as_money("price", value)

    def test_float_gets_a_hint(self):
        with pytest.raises(InputError, match="float is not exact"):
            as_money("price", 18.5)

    def test_more_decimals_than_the_currency_has(self):
        with pytest.raises(InputError, match="2 decimals"):
            as_minor("price", Decimal("1.005"), 2)

    @given(st.integers(0, 10**12), st.sampled_from([0, 2, 3, 4]))
    def test_text_and_back(self, minor, exponent):
        assert as_minor("price", as_money("price", money_text(minor, exponent)), exponent) == minor


class TestCurrency:
    """ISO 4217: two digits but for a few."""

    @pytest.mark.parametrize(("currency", "digits"), [("UAH", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2)])
    def test_digits(self, currency, digits):
        assert exponent_of(currency) == digits
        assert exponent_of(currency, 1) == 1

    @pytest.mark.parametrize("value", ["uah", "UA", "", None, "₴"])
    def test_refuses(self, value):
        with pytest.raises(InputError, match="currency"):
            as_currency("currency", value)


class TestAsPercent:
    """In (0, 100], exact."""

    @pytest.mark.parametrize("value", [0, -1, 101, "100.0001", 12.5, True, "x", "0.00001", Decimal("NaN"), None])
    def test_refuses(self, value):
        with pytest.raises(InputError, match="percent"):
            as_percent("percent", value)

    def test_takes(self):
        assert as_percent("percent", "12.5") == Decimal("12.5")
        assert as_percent("percent", 0, zero=True) == 0


class TestDivideRounded:
    """Python's decimal module rounds the same."""

    @given(st.integers(0, 10**9), st.sampled_from([1, 2, 4, 8, 10, 100, 10**6]))
    def test_is_the_rounding_of_decimal(self, numerator, denominator):
        exact = Decimal(numerator) / Decimal(denominator)
        for name, rule in [("half_up", ROUND_HALF_UP), ("half_even", ROUND_HALF_EVEN), ("down", ROUND_DOWN)]:
            assert divide_rounded(numerator, denominator, name) == exact.quantize(Decimal(1), rule)


class TestSplitAmount:
    """Parts in proportion, by largest remainder; first line on ties; no line below its floor."""

    @pytest.mark.parametrize(
        ("amount", "weights", "minima", "parts"),
        [
            (300, [4000, 2000, 2000], None, (150, 75, 75)),
            (299, [4300, 1400, 2300], None, (161, 52, 86)),
            (299, [1000] * 3, None, (100, 100, 99)),
            (40, [10, 0], None, (40, 0)),
            (-300, [4000, 2000, 2000], None, (-150, -75, -75)),
            (-1200, [1000, 2000, 5000, 3000], [0, 1900, 5000, 2600], (-700, -100, 0, -400)),
            (2500, [5000, 2000, 2000, 2000], [4500, 0, 0, 0], (500, 667, 667, 666)),
            (2700, [5000, 5000, 2000, 2000, 4000], [4500, 4500, 0, 0, 0], (500, 500, 425, 425, 850)),
            (610, [2025, 1050, 994], None, (304, 157, 149)),
        ],
    )
    def test_published(self, amount, weights, minima, parts):
        """The rows of section 5 of the project's known answers, from test suites of open shops."""
        assert split(amount, weights, minima=minima) == parts

    @given(st.integers(-(10**7), 10**7), SIZES.filter(any))
    def test_sums_and_is_within_one_of_the_share(self, amount, weights):
        parts = split(amount, weights)
        assert sum(parts) == amount
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(amount * weight, sum(weights))) < 1
        assert parts == tuple(-part for part in split(-amount, weights))

    @given(st.data(), SIZES)
    def test_keeps_floors(self, data, weights):
        minima = [data.draw(st.integers(0, weight)) for weight in weights]
        amount = data.draw(st.integers(0, sum(weights) - sum(minima)))
        parts = split(amount, weights, minima=minima)
        assert sum(parts) == amount
        assert all(0 <= part <= w - m for part, w, m in zip(parts, weights, minima, strict=True))

    @given(SIZES, st.integers(1, 10**6))
    def test_one_floor_is_that_of_each_line(self, weights, amount):
        amount = min(amount, sum(weights))
        assert split(amount, weights, minima=0) == split(amount, weights, minima=[0] * len(weights))

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ((1.0, [1]), "amount"), ((1, [1.0]), "weights"), ((1, [-1]), "weights"), ((1, [0, 0]), "weights"),
            ((1, "12"), "weights"), ((True, [1]), "amount"), ((10**16, [1]), "amount"),
        ],
    )  # fmt: skip
    def test_refuses(self, arguments, name):
        with pytest.raises(InputError) as caught:
            split(*arguments)
        assert caught.value.name == name

    @pytest.mark.parametrize("minima", [[0], [2, 0], -1, [0, -1], "00", 1.0, {}])
    def test_refuses_floors(self, minima):
        with pytest.raises(InputError, match="minima"):
            split(1, [1, 1], minima=minima)

    def test_refuses_more_than_the_lines_take(self):
        with pytest.raises(InputError, match="at most 3"):
            split(4, [2, 2], minima=[0, 1])

    def test_nothing_over_lines_without_weight(self):
        assert split(0, [0, 0]) == (0, 0)
