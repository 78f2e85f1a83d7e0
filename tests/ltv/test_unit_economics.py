"""Value against acquisition cost."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue import ltv
from crmvalue.errors import InputError
from tests.ltv.references import refusal
from tests.strategies import money, positive_money

EXAMPLE = {"revenue": [200, 240, 300], "margin": 0.5, "discount_rate": 0.10}  # domain 2, formula 4


class TestLtvToCac:
    """Value before acquisition cost / acquisition cost."""

    def test_the_net_value_of_formula_4_would_fall_into_another_band(self):
        before = ltv.ltv_npv(**EXAMPLE, acquisition_cost=0)
        net = ltv.ltv_npv(**EXAMPLE, acquisition_cost=100)
        assert ltv.ltv_to_cac(before, 100).round(2) == 3.03  # domain 2, decision on LTV:CAC
        assert ltv.ltv_to_cac(net, 100, net=True).round(2) == 3.03
        assert ltv.ltv_to_cac(net, 100).round(2) == 2.03
        names = [ltv.ltv_to_cac_band(ratio).name for ratio in (3.03, 2.03)]
        assert names == ["healthy", "below healthy"]

    def test_a_value_of_nearly_nothing_counts_as_nothing(self):
        """The expected value of a customer who lapsed long ago, as a model computes it."""
        assert ltv.ltv_to_cac([1e-167, 300], 100).tolist() == [0, 3]
        assert ltv.max_acquisition_cost([1e-167, 300], 3).tolist() == [0, 100]
        assert [band.name for band in ltv.ltv_to_cac_band([1e-167, 3])] == ["loss", "healthy"]

    def test_says_so(self):
        assert all(text in ltv.ltv_to_cac.__doc__ for text in ("2.03", "3.03", "net=True"))

    @given(money, positive_money)
    def test_both_routes_agree(self, value, cost):
        ratio = ltv.ltv_to_cac(value, cost)
        rounding = 1e-15 * (value + cost) / cost
        assert ltv.ltv_to_cac(value - cost, cost, net=True) == pytest.approx(ratio, rel=1e-12, abs=rounding)
        assert ltv.ltv_to_cac(4 * value, cost) == 4 * ratio

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"acquisition_cost": [100, 0]}, "acquisition_cost", 1),
            ({"acquisition_cost": -1}, "acquisition_cost", None),
            ({"acquisition_cost": 5e-17}, "acquisition_cost", None),
            ({"ltv": [math.inf, 1]}, "ltv", 0),
            ({"acquisition_cost": [1, 2, 3]}, "acquisition_cost", None),
            ({"net": "no"}, "net", None),
            ({"net": [True, False]}, "net", None),
            ({"net": np.array([True, False])}, "net", None),
        ],
    )
    def test_refuses(self, changes, name, index):
        error = refusal(ltv.ltv_to_cac, **changes)
        assert (error.name, error.index) == (name, index)


class TestLtvToCacBand:
    """The band with low <= ratio < high, but for rounding."""

    @pytest.mark.parametrize(
        ("ratio", "name", "message"),
        [  # domain 2, LTV:CAC bands; a boundary belongs to the higher band
            (0, "loss", "Loses money"),
            (1 - 1e-9, "loss", "Loses money"),
            (1, "break-even", "Breaks even, risky"),
            (2 - 1e-9, "break-even", "Breaks even, risky"),
            (2, "below healthy", "below the healthy"),
            (3 - 1e-9, "below healthy", "below the healthy"),
            (3, "healthy", "Healthy"),
            (4 - 1e-9, "healthy", "Healthy"),
            (4, "under-invested", "Profitable, perhaps growing too cautiously"),
            (1e9, "under-invested", "Profitable, perhaps growing too cautiously"),
        ],
    )
    def test_boundaries(self, ratio, name, message):
        band = ltv.ltv_to_cac_band(ratio)
        assert band.name == name
        assert message in band.message

    @given(st.lists(st.floats(0, 10), min_size=1))
    def test_every_ratio_is_in_exactly_its_band(self, ratios):
        ratios = [0.0 if ratio < 1e-90 else ratio for ratio in ratios]
        for ratio, band in zip(ratios, ltv.ltv_to_cac_band(ratios), strict=True):
            assert band == ltv.ltv_to_cac_band(ratio)
            near = round(ratio)
            rounded = near if abs(ratio - near) <= 1e-12 * near else ratio
            assert [b for b in ltv.LTV_TO_CAC_BANDS.bands if b.low <= rounded < b.high] == [band]

    def test_rounding_alone_keeps_no_ratio_below_a_boundary(self):
        assert ltv.ltv_to_cac_band(ltv.ltv_to_cac(0.15, 0.05)).name == "healthy"
        assert ltv.ltv_to_cac_band(3 - 1e-9).name == "below healthy"

    def test_bands_can_be_replaced(self):
        low = ltv.LtvToCacBand(name="no", low=0, high=2.5, message="stop")
        high = ltv.LtvToCacBand(name="yes", low=2.5, high=None, message="go")
        own = ltv.LtvToCacBands(bands=[low, high])
        assert ltv.ltv_to_cac_band([2.4, 2.5], bands=own).tolist() == [low, high]

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"ratio": [1, -0.1]}, "ratio", 1),
            ({"ratio": math.nan}, "ratio", None),
            ({"bands": [1, 2]}, "bands", None),
        ],
    )
    def test_refuses(self, changes, name, index):
        error = refusal(ltv.ltv_to_cac_band, **changes)
        assert (error.name, error.index) == (name, index)


class TestBandOfAnIndustry:
    """How the ratio stands to the figures that the sources give for the industry."""

    @pytest.mark.parametrize(
        ("ratio", "industry", "name"),
        [
            (0.99, "B2B SaaS", "loss"),
            (1.99, "B2B SaaS", "break-even"),
            (2, "B2B SaaS", "below typical"),
            (3.49, "B2B SaaS", "below typical"),
            (3.5, "B2B SaaS", "typical"),
            (4, "B2B SaaS", "typical"),
            (4.5, "B2B SaaS", "under-invested"),
            (4, "adtech", "below typical"),
            (4, "pharma", "typical"),
            (4, "paid channels only", "under-invested"),
            (2.5, "paid channels only", "typical"),
            (2.24, "paid channels only", "below typical"),
            (2.5, "B2C SaaS", "typical"),
            (5, "B2C SaaS", "typical"),
            (5.5, "B2C SaaS", "under-invested"),
        ],
    )
    def test_figures_of_the_sources(self, ratio, industry, name):
        band = ltv.ltv_to_cac_band(ratio, industry=industry)
        assert band.name == name
        assert industry in band.message or ratio < 2

    def test_every_figure_is_typical_of_its_industry(self):
        for row in ltv.LTV_TO_CAC_BENCHMARKS:
            bands = ltv.ltv_to_cac_band([row.low, row.high], industry=row.industry)
            assert [band.name for band in bands] == ["typical", "typical"]

    def test_without_a_word_on_the_industry_the_band_asks_for_it(self):
        assert "give the industry." in ltv.ltv_to_cac_band(4).message

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"industry": "bakery"}, "industry"),
            ({"industry": 4}, "industry"),
            (
                {
                    "industry": "pharma",
                    "bands": ltv.LtvToCacBands(bands=[ltv.LtvToCacBand(name="x", low=0, high=None, message="")]),
                },
                "bands",
            ),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            ltv.ltv_to_cac_band(4, **changes)
        assert caught.value.name == name


class TestLtvToCacBands:
    """From 0 to infinity without gap or overlap; to JSON and back."""

    def test_round_trip(self):
        text = ltv.LTV_TO_CAC_BANDS.to_json()
        assert "Infinity" not in text
        assert ltv.LtvToCacBands.from_json(text) == ltv.LTV_TO_CAC_BANDS

    @pytest.mark.parametrize("text", ["x", "{}", "[1]", '[{"name": "a"}]', "5", "null", 5, None, "[]"])
    def test_refuses_other_text(self, text):
        with pytest.raises(InputError) as caught:
            ltv.LtvToCacBands.from_json(text)
        assert (caught.value.name, caught.value.value) == ("text", text)

    @pytest.mark.parametrize(("bands", "index"), [(5, None), (None, None), ([5], 0), (["x"], 0), ("x", None)])
    def test_refuses_what_is_no_list_of_bands(self, bands, index):
        with pytest.raises(InputError) as caught:
            ltv.LtvToCacBands(bands=bands)
        assert (caught.value.name, caught.value.index) == ("bands", index)

    def test_is_frozen(self):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            ltv.LTV_TO_CAC_BANDS.bands = ()

    @pytest.mark.parametrize(
        ("ends", "index"),
        [
            pytest.param([(1, None)], 0, id="does not start at 0"),
            pytest.param([(0, 1), (2, None)], 1, id="gap"),
            pytest.param([(0, 2), (1, None)], 1, id="overlap"),
            pytest.param([(0, 1), (1, 2)], None, id="no open end"),
            pytest.param([(0, None), (1, None)], 1, id="open end in the middle"),
            pytest.param([], None, id="nothing"),
        ],
    )
    def test_refuses(self, ends, index):
        bands = [ltv.LtvToCacBand(name="x", low=low, high=high, message="") for low, high in ends]
        with pytest.raises(InputError) as caught:
            ltv.LtvToCacBands(bands=bands)
        assert (caught.value.name, caught.value.index) == ("bands", index)


class TestOneBand:
    """One band has a lower and a higher end."""

    @pytest.mark.parametrize(
        ("low", "high", "name"),
        [(1, 1, "high"), (2, 1, "high"), (0, math.nan, "high"), (math.inf, None, "low"), (0, -math.inf, "high")],
    )
    def test_refuses(self, low, high, name):
        with pytest.raises(InputError) as caught:
            ltv.LtvToCacBand(name="x", low=low, high=high, message="")
        assert caught.value.name == name

    def test_words_are_text(self):
        for words in ({"name": None, "message": ""}, {"name": "x", "message": 1}):
            with pytest.raises(InputError, match="must be text"):
                ltv.LtvToCacBand(low=0, high=1, **words)

    def test_infinity_is_an_open_end(self):
        ends = {ltv.LtvToCacBand(name="x", low=0, high=end, message="").high for end in (None, math.inf, np.inf)}
        assert ends == {math.inf}


class TestLtvToCacBenchmark:
    """The ratios that the texts call usual."""

    @pytest.mark.parametrize(
        ("industry", "expected"),
        [  # domain 2, benchmarks
            ("B2B SaaS", [(4, 4)]),
            ("B2C SaaS", [(5, 5), (2.5, 2.5)]),
            ("adtech", [(7, 7)]),
            ("cybersecurity", [(5, 5)]),
            ("fintech", [(5, 5)]),
            ("edtech", [(5, 5)]),
            ("design", [(6, 6)]),
            ("business services", [(3, 3)]),
            ("industry", [(3, 4)]),
            ("pharma", [(3, 4)]),
            ("biotech", [(4, 4)]),
            ("business consulting", [(4, 4)]),
            ("construction", [(4, 4)]),
            ("financial services", [(4, 4)]),
            ("real estate", [(4, 4)]),
            ("paid channels only", [(2.5, 2.5)]),
        ],
    )
    def test_table(self, industry, expected):
        rows = ltv.ltv_to_cac_benchmark(industry)
        assert [(row.low, row.high) for row in rows] == expected
        assert all(row.source for row in rows)

    def test_the_table_is_complete_and_figures_that_disagree_have_different_sources(self):
        assert len(ltv.LTV_TO_CAC_BENCHMARKS) == 17
        assert len({(row.industry, row.source) for row in ltv.LTV_TO_CAC_BENCHMARKS}) == 17

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"industry": 5}, "industry"), ({"low": "4"}, "low"), ({"high": math.nan}, "high"), ({"high": 3}, "high"),
         ({"low": -1}, "low"), ({"source": None}, "source")],
    )  # fmt: skip
    def test_fields_are_checked(self, changes, name):
        with pytest.raises(InputError) as caught:
            attrs.evolve(ltv.LTV_TO_CAC_BENCHMARKS[0], **changes)
        assert caught.value.name == name

    @pytest.mark.parametrize("wrong", ["saas", "", None, 4])
    def test_refuses(self, wrong):
        error = refusal(ltv.ltv_to_cac_benchmark, industry=wrong)
        assert error.name == "industry"
        assert "'B2B SaaS'" in error.rule


class TestMaxAcquisitionCost:
    """The largest cost with LTV / cost >= target."""

    @pytest.mark.parametrize(("value", "target", "expected"), [(225, 3, 75), (300, 4, 75), (0, 3, 0)])
    def test_oracles(self, value, target, expected):
        assert ltv.max_acquisition_cost(value, target) == expected  # by hand

    @given(positive_money, st.floats(0.01, 100))
    def test_reaches_the_target_and_a_little_more_does_not(self, value, target):
        cost = ltv.max_acquisition_cost(value, target)
        assert ltv.ltv_to_cac(value, cost) == pytest.approx(target, rel=1e-14)
        assert ltv.ltv_to_cac(value, cost * 1.001) < target

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"ltv": -1}, "ltv"), ({"target_ratio": 0}, "target_ratio"), ({"target_ratio": math.nan}, "target_ratio")],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.max_acquisition_cost, **changes).name == name
