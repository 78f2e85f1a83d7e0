"""Columns that carry names are matched by name, never by their place."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from pathlib import Path

import attrs
import hypothesis
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import strategies as st

from crmvalue._core.checks import as_floats
from crmvalue._core.comparisons import p_text
from crmvalue._core.labels import (
    as_given,
    decimal,
    decimals_apart,
    figure,
    figures_apart,
    fraction,
    in_percent,
    listed,
    money,
    on_its_side,
    percent,
    percents,
    points,
    span,
    times,
)
from crmvalue._models.seasons.calendar_fit import _compared
from crmvalue.attribution import Paths, attribute, channel_returns
from crmvalue.cohorts import CohortLtv, cohort_ltv, retention_triangle
from crmvalue.errors import InputError
from crmvalue.experiments import (
    assign_variant,
    compare_means_from_summary,
    compare_proportions,
    sample_ratio_mismatch,
    sequential_test,
)
from crmvalue.funnels import (
    FitRule,
    Grade,
    LeadScore,
    Signal,
    StageTimes,
    fit_lead_score,
    funnel_conversion,
    stage_probabilities,
    step_alarms,
)
from crmvalue.journeys import Offer
from crmvalue.loyalty import referred_value
from crmvalue.metrics import NpsCounts, agent_scores, weighted_choice
from crmvalue.segmentation import SegmentMembership
from crmvalue.typing import Interval
from tests.core.public_values import VALUES

PATHS = Paths.from_lists([["ads"], ["mail", "search"], ["search"]], [1, 1, 1], value=[10, 20, 30])


def series(**values):
    return pd.Series(values)


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return caught.value.name


class TestFigure:
    """Four significant digits, all whole digits, and no sign of a zero."""

    @pytest.mark.parametrize(
        ("x", "said", "signed"),
        [
            (0.12346, "0.1235", "+0.1235"),
            (999.96, "1,000", "+1,000"),
            (9999.7, "10,000", "+10,000"),
            (-123456.7, "-123,457", "-123,457"),
            (1e20, "1e+20", "+1e+20"),
            (4.6e-7, "0.00000046", "+0.00000046"),
            (-9.99996e-5, "-0.0001", "-0.0001"),
            (4.6e-11, "almost 0", "almost 0"),
            (-0.0, "0", "+0"),
            (np.inf, "inf", "+inf"),
        ],
    )
    def test_known(self, x, said, signed):
        assert (figure(x), figure(np.float64(x), sign=True)) == (said, signed)
        assert figure(130.4, digits=2) == "130"

    def test_sentences_of_ordinary_money(self):
        """Twelve thousand is no 1.235e+04."""
        found = compare_means_from_summary([12_345.6, 12_001], [10, 10], [50, 60])
        assert "B has a mean of 12,001 against 12,346 of A: -344.6 (95 % interval -" in found.conclusion
        chosen = np.arange(60) < 30
        worth = referred_value(chosen, np.arange(60) % 7 * 1000.0 + 50_000 * chosen, start={"x": np.ones(60)})
        assert "e+" not in worth.conclusion


class TestNumbersAsGiven:
    """A number of the user has all of its digits, so that two numbers are never written alike."""

    @pytest.mark.parametrize(
        ("x", "said"),
        [
            (3, "3"),
            (0.1 + 0.2, "0.3"),
            (1_234_567, "1234567"),
            (100 / 3, "33.3333333333333"),
            (1e-5, "0.00001"),
            (4.6e-7, "0.00000046"),
            (-1.5e-12, "-0.0000000000015"),
            (2e-15, "0.000000000000002"),
        ],
    )
    def test_known(self, x, said):
        assert as_given(x) == said

    def test_rules_and_offers(self):
        rules = [FitRule(attribute="revenue", points=1, at_least=low, below=2e6) for low in (1_234_567, 1_234_568)]
        assert [rule.label for rule in rules] == [f"revenue from {low} below 2000000" for low in (1_234_567, 1_234_568)]
        assert [Offer(percent=x).label for x in (10, 10.00001, 12.345678)] == ["10 %", "10.00001 %", "12.345678 %"]

    def test_no_quantile_is_lost(self):
        days = StageTimes(
            stages=["lead", "deal"], prob=[0.1234567, 0.1234568], time_in_stage=[[1, 2]], time_to_convert=[1, 2],
            n_moved_on=[3], n_censored=[0],
        )  # fmt: skip
        assert list(days.to_columns()) == ["step", "0.1234567", "0.1234568"]


class TestLevels:
    """The level of an interval is below 100 %, and so is what is written."""

    @pytest.mark.parametrize(
        ("level", "said"), [(0.95, "95"), (0.9, "90"), (0.875, "87.5"), (0.99999, "99.999"), (0.999999, "99.9999")]
    )
    def test_known(self, level, said):
        assert in_percent(level) == in_percent(np.float64(level)) == said

    @hypothesis.given(st.floats(0, 1, exclude_min=True, exclude_max=True))
    @hypothesis.example(np.nextafter(1, 0))
    def test_below_100(self, level):
        assert 0 < float(in_percent(level)) < 100

    def test_in_sentences(self):
        """No interval is said to be one of 100 %, whose ends would be certain."""
        said = []
        for value in VALUES:
            if isinstance(getattr(value, "level", None), float):
                said += [text for _, text in sentences(attrs.evolve(value, level=0.999999))]
        assert sum("99.9999 %" in text for text in said) > 8
        assert [text for text in said if re.search(r"\b100 % (interval|probability)", text)] == []


class TestArms:
    """Counts by arm, as a dataframe counts them."""

    @pytest.mark.parametrize("kind", [series, dict])
    def test_proportions(self, kind):
        found = compare_proportions(kind(old=300, new=250), kind(new=1000, old=1500), control="old")
        assert (found.names, found.rate.tolist()) == (("old", "new"), [0.2, 0.25])
        turned = compare_proportions(kind(old=300, new=250), kind(new=1000, old=1500), names=["new", "old"])
        assert (turned.names, turned.rate.tolist()) == (("new", "old"), [0.25, 0.2])

    def test_row_numbers_are_no_names(self):
        plain = compare_proportions([20, 25], [100, 110])
        assert compare_proportions(pd.Series([20, 25]), [100, 110]) == plain
        assert compare_proportions(pl.Series([20, 25]), np.array([100, 110])) == plain
        numbered = compare_proportions(pd.Series([25, 20], [2, 1]), pd.Series([100, 110], [1, 2]), control="1")
        assert (numbered.names, numbered.trials.tolist(), numbered.control) == (("2", "1"), [110, 100], 1)
        counts = compare_proportions(pd.Series([400, 150], [1, 0]), pd.Series([1000, 2000], [0, 1]), control=0)
        assert (counts.variants, counts.difference.round(3).tolist()) == (("1",), [0.05])
        assert compare_proportions({7: 1, 8: 2}, {8: 9, 7: 9}).variants == ("8",)
        assert compare_proportions([1, 2], [9, 9], names=[7, 8], control=1).variants == ("7",)
        looks = pd.DataFrame({"old": [1, 6], "new": [2, 50]}), pd.DataFrame({"new": [50, 100], "old": [50, 100]})
        assert sequential_test(*looks, control="old").difference[-1].round(2).tolist() == [0.44]
        shares = pd.Series({"a": 0.25, "b": 0.75})
        assert (assign_variant(range(50), shares, salt="x") == assign_variant(range(50), dict(shares), salt="x")).all()

    def test_means(self):
        found = compare_means_from_summary(series(a=5.0, b=6.0), series(b=2.0, a=1.0), series(b=9, a=16))
        assert (found.names, found.standard_error.tolist(), found.n.tolist()) == (("a", "b"), [0.25, 2 / 3], [16, 9])

    @pytest.mark.parametrize("kind", [series, dict])
    def test_split(self, kind):
        by_name = sample_ratio_mismatch(kind(old=310, new=98), kind(new=0.3, old=0.7))
        assert by_name == sample_ratio_mismatch([310, 98], [0.7, 0.3])

    def test_what_cannot_be_matched(self):
        assert refused(compare_proportions, series(a=1, b=2), [5, 5]) == "successes"
        assert refused(compare_proportions, series(a=1, b=2), series(a=5, c=5)) == "trials"
        assert refused(compare_proportions, series(a=1, b=2), series(a=5, b=5), names=["a", "c"]) == "successes"
        assert refused(compare_proportions, pd.Series([1, 2], ["a", "a"]), series(a=5, b=5)) == "successes"
        for names in (5, "ab", [["a"], "b"]):
            assert refused(compare_proportions, series(a=1, b=2), series(a=5, b=5), names=names) in {
                "names",
                "successes",
            }
        assert refused(sample_ratio_mismatch, {"a": 1, "b": 2}, [0.5, 0.5]) == "counts"


class TestLabelsLikeAttributes:
    """A label that is the name of an attribute, which pandas gives as one, is a label like others."""

    @pytest.mark.parametrize("label", ["columns", "column_names", "index", "type", "shape", "collect"])
    def test_columns_and_tables(self, label):
        column = pd.Series([9, 4], [label, "b"])
        assert compare_proportions(column, pd.Series([40, 50], ["b", label])).trials.tolist() == [50, 40]
        with pytest.raises(InputError, match="with the same index"):
            as_floats(x=column, y=pd.Series([1, 2], ["b", label]))
        table = pd.DataFrame([[9, 4], [8, 3]], ["x", "y"], [label, "b"])
        assert funnel_conversion(table).stages == funnel_conversion(column).stages == (label, "b")


class TestChannels:
    """Costs by channel."""

    @pytest.mark.parametrize("kind", [series, dict])
    def test_by_name(self, kind):
        found = channel_returns(attribute(PATHS, model="last"), kind(search=1, mail=2, ads=20, tv=100))
        assert (found.channels, found.cost.tolist()) == (("ads", "mail", "search", "tv"), [20, 2, 1, 100])
        assert (found.conversion_credit[-1], found.net_gain[-1], found.return_on_investment[-1]) == (0, -100, -1)

    def test_direct_must_be_spelt_as_it_is(self):
        paths = Paths.from_lists([["ads", "Direct"], ["ads"]], [1, 1])
        assert refused(attribute, paths, model="last_non_direct") == "direct"
        assert attribute(paths, model="last_non_direct", direct="Direct").conversion_credit.tolist() == [0, 2]


class TestCohorts:
    """Acquisition cost by cohort."""

    def test_by_first_day(self):
        log = ([1, 2, 1], ["2024-01-05", "2024-02-05", "2024-02-09"], [10.0, 10.0, 10.0])
        triangle = retention_triangle(*log, period="month", as_of="2024-03-31")
        cost = {"2024-02-01": 100, "2024-01-01": 1}
        for given in (cost, pd.Series(cost), {np.datetime64(day): c for day, c in cost.items()}):
            assert cohort_ltv(triangle, margin=1, acquisition_cost=given).acquisition_cost.tolist() == [1, 100]
        assert refused(cohort_ltv, triangle, margin=1, acquisition_cost={"2024-01-01": 1}) == "acquisition_cost"


class TestStages:
    """Counts by stage."""

    def test_by_name(self):
        assert funnel_conversion({"lead": 10, "deal": 4}).stages == ("lead", "deal")
        turned = funnel_conversion(series(deal=4, lead=10), funnel=["lead", "deal"])
        assert (turned.stages, turned.counts.tolist()) == (("lead", "deal"), [10, 4])
        frame = pd.DataFrame({"deal": [4, 1], "lead": [10, 9]}, index=["ads", "mail"])
        assert funnel_conversion(frame.set_axis([2023, 2024]), funnel=["lead", "deal"]).groups == ("2023", "2024")
        turned = funnel_conversion(frame, funnel=["lead", "deal"], by=["mail", "ads"])
        assert (turned.groups, turned.counts.tolist()) == (("mail", "ads"), [[9, 1], [10, 4]])
        crossed = funnel_conversion({"lead": series(x=4, y=9), "deal": series(y=1, x=3)})
        assert (crossed.groups, crossed.counts.tolist()) == (("x", "y"), [[4, 3], [9, 1]])
        assert refused(funnel_conversion, {"lead": series(x=4, y=9), "deal": series(y=1, z=3)}) == "counts"
        assert refused(funnel_conversion, {"lead": [4, 2], "deal": [1]}, by=["x", "y"]) == "counts"
        by = funnel_conversion(frame, funnel=["lead", "deal"])
        assert (by.groups, by.counts.tolist()) == (("ads", "mail"), [[10, 4], [9, 1]])
        with_names = funnel_conversion(pl.DataFrame({"lead": [10, 9], "deal": [4, 1]}), by=["ads", "mail"])
        assert with_names == by
        called_names = funnel_conversion(frame.rename(columns={"lead": "names"}), funnel=["names", "deal"])
        assert called_names.counts.tolist() == by.counts.tolist()

    def test_unknown_stages(self):
        assert refused(funnel_conversion, {"lead": 10, "deal": 4}, funnel=["lead", "offer"]) == "counts"
        assert refused(funnel_conversion, {"lead": 10}) == "counts"

    def test_a_funnel_gives_the_stages(self):
        from crmvalue.funnels import Funnel

        stages = Funnel(["call", "offer"])
        assert stage_probabilities(["call"], [1], stages=stages).stages == ("call", "offer")


class TestLeads:
    """Signals and attributes of leads as columns of a dataframe."""

    def test_columns_in_another_order(self):
        rng = np.random.default_rng(2)
        signals = pd.DataFrame({"visits": rng.poisson(3, 200), "demo": rng.random(200) < 0.3})
        y = rng.random(200) < 1 / (1 + np.exp(3 - 0.5 * signals["visits"] - signals["demo"]))
        fit = fit_lead_score(signals, y, rng=np.random.default_rng(3))
        assert fit.names == ("visits", "demo")
        np.testing.assert_array_equal(fit.prob_won(signals[["demo", "visits"]]), fit.prob_won(signals))
        np.testing.assert_array_equal(fit.prob_won(signals.to_numpy(dtype=float)), fit.prob_won(signals))
        turned = fit_lead_score(signals, y, names=["demo", "visits"], rng=np.random.default_rng(3))
        np.testing.assert_allclose(turned.coefficient, fit.coefficient[::-1], rtol=1e-6)
        assert refused(fit_lead_score, signals, y, names=["demo", "calls"], rng=np.random.default_rng(3)) == "X"
        assert refused(fit.prob_won, signals[["demo"]]) == "X"

    @pytest.mark.parametrize("kind", ["M8[s]", "m8[s]"])
    @pytest.mark.parametrize("numbers", [[0.0, 1.0], [0, 1], ["0", "1"]])
    def test_a_column_of_dates_beside_numbers(self, kind, numbers):
        signals = pd.DataFrame({"visits": numbers * 10, "seen": np.arange(20).astype(kind)})
        with pytest.raises(InputError, match="`X` must be numeric; got \"dates or durations in the column 'seen'"):
            fit_lead_score(signals, [0, 1] * 10, rng=np.random.default_rng(1))

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, dict])
    def test_attributes(self, frame):
        score = LeadScore(
            fit=[FitRule(attribute="size", at_least=10, points=20)],
            signals=[Signal(event="visit", points=5)],
            grades=[Grade(name="warm", enter=10, leave=5)],
        )
        log = (["a"], ["visti"], ["2024-05-01"])
        found = score.score(["a", "b"], attributes=frame({"size": [5, 50]}), events=log, as_of="2024-05-31")
        assert found.total.tolist() == [0, 20]
        assert found.unmet == ("visit",)
        assert found.conclusion == "2 leads: 1 cold, 1 warm. No lead has points for: visit."


SAID = re.compile(r"(?<![\w.,])-0(\.0+)?(?![\w.,]*[1-9])|\binf\b")


def sentences(value):
    """Give the texts that a value says: its own properties that are texts."""
    for name in dir(type(value)):
        if isinstance(getattr(type(value), name), property) and not name.startswith("_"):
            with contextlib.suppress(InputError, AttributeError):
                text = getattr(value, name)
                if isinstance(text, str):
                    yield name, text


def changed(value, number):
    """Give the value with one number of each field in turn changed, where it allows that."""
    for field in attrs.fields(type(value)):
        now = getattr(value, field.name)
        is_array = isinstance(now, np.ndarray) and now.dtype.kind == "f" and now.size
        if not field.init or isinstance(now, bool) or not (is_array or isinstance(now, float | int)):
            continue
        other = number
        if is_array:
            other = now.copy()
            other.flat[0] = number
        with contextlib.suppress(InputError, AttributeError):
            yield field.name, attrs.evolve(value, **{field.alias: other})


@pytest.mark.slow
class TestNumbersInSentences:
    """No sentence holds "-0", and none says "inf" of a finite number."""

    @pytest.mark.parametrize("number", [-0.0, 1e300, -1e300])
    def test_all_public_values(self, number):
        from tests.core.public_values import VALUES

        wrong = []
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            for value in VALUES:
                before = {name for name, text in sentences(value) if SAID.search(text)}
                for field, other in changed(value, number):
                    found = [(name, text) for name, text in sentences(other) if name not in before]
                    wrong += [(type(value).__name__, field, *said) for said in found if SAID.search(said[1])]
        assert not wrong


def known(kind, **changes):
    """Give the public value of a class with other fields."""
    return attrs.evolve(next(value for value in VALUES if type(value).__name__ == kind), **changes)


def test_twenty_names_are_listed_and_more_are_counted():
    assert listed(range(20)) == ", ".join(map(str, range(20)))
    assert listed(range(21)) == ", ".join(map(str, range(20))) + " and 1 more"


class TestSharesAndIntervals:
    """No "-0.0%", no "nan%", no "inf to inf"."""

    def test_every_share_is_written_without_the_sign_of_zero(self):
        root = Path(__file__).parents[2] / "crmvalue"
        signed = [
            f"{path.name}: {form}"
            for path in sorted(root.rglob("*.py"))
            for form in re.findall(r"\{[^{}\n]*:\+?\.\d%\}", path.read_text(encoding="utf-8"))
        ]
        assert signed == []

    def test_shares_just_below_0(self):
        check = known("NextProductsCheck")
        rate = np.full(len(check.rule), -1e-9)
        retention = known("WorstTicketRetention")
        low = np.full(len(retention.worst), -1e-9)
        alarms = known("StepAlarms")
        least = np.full(len(alarms.group), -1e-9)
        for value in (
            attrs.evolve(check, hit_rate=rate, hit_low=rate),
            attrs.evolve(retention, retained=low, low=low, high=np.abs(low)),
            attrs.evolve(alarms, least=least, is_below=alarms.n_at > 0),
        ):
            assert "0.0%" in value.conclusion
            assert "-0" not in value.conclusion

    def test_no_share_of_no_conversion(self):
        credit = known("Attribution")
        with pytest.raises(InputError, match=r"`conversion_credit` must be 0 of no conversion"):
            attrs.evolve(credit, n_conversions=0)
        none = np.zeros(len(credit.channels))
        assert attrs.evolve(credit, n_conversions=0, conversion_credit=none).conclusion.startswith("No conversion had")

    @pytest.mark.parametrize("ends", [(np.inf, np.inf), (-np.inf, np.inf), (np.nan, np.nan)])
    def test_ends_of_an_interval_that_are_not_known(self, ends):
        assert span(*ends, "+z.1f") == "not known"
        assert span(0.25, ends[1], "z.1%") == "at least 25.0%"

    def test_an_interval_with_one_end(self):
        assert span(-np.inf, 3, "+z.1f") == "at most +3.0"
        assert span(2, np.inf, "g") == "at least 2"
        assert span(2, 3, "g") == "2 to 3"
        assert "interval at most 1.000)" in known("LeadScoreFit", auc_interval=(-np.inf, 1.0)).conclusion

    @pytest.mark.parametrize(
        ("kind", "field"),
        [("NpsChange", "interval"), ("LeadScoreFit", "auc_interval")],
    )
    @pytest.mark.parametrize("low", [-np.inf, np.inf])
    def test_intervals_that_are_not_known(self, kind, field, low):
        said = known(kind, **{field: (low, np.inf)}).conclusion
        assert "not known" in said
        assert "inf" not in said


def test_a_label_that_occurs_twice_is_found_among_many():
    index = pd.Index([*range(200_000), 199_999]).astype(str)
    with pytest.raises(InputError, match="different labels in its index; got '199999'"):
        compare_proportions(pd.Series(1, index), pd.Series(2, index))


class TestManyGroups:
    """A text says the first groups and counts the others, so that it can be read however many there are."""

    @pytest.mark.parametrize("comparison", ["rates", "means"])
    def test_arms(self, comparison):
        n = np.full(301, 1000)
        high = np.arange(301) >= 295
        if comparison == "rates":
            found = compare_proportions(np.where(high, 900, 100), n)
        else:
            found = compare_means_from_summary(np.where(high, 9.0, 1.0), np.full(301, 1.0), n)
        *lines, last = found.conclusion.splitlines()
        assert len(lines) == 200
        assert lines[-1].startswith("arm 201 ")
        assert last == "A difference is shown for 6 of 100 more variants."

    def test_groups_of_a_funnel(self):
        counts = np.tile([100, 50, 10], (250, 1))
        found = funnel_conversion(counts, by=[f"g{k}" for k in range(250)])
        for text, last in (
            (found.conclusion, "And 50 more groups."),
            (step_alarms(found, 0.9).conclusion, "And 300 more steps below their least share."),
        ):
            lines = text.splitlines()
            assert len(lines) == 201
            assert lines[-1] == last

    def test_names_in_a_sentence(self):
        rng, agents = np.random.default_rng(1), np.repeat(np.arange(60), 50)
        scores = agent_scores(agents, rng.normal(agents % 2 * 3.0, 0.1))
        assert scores.conclusion.count(" and 10 more") == 2  # 30 above and 30 below
        months = np.arange("2020-01", "2024-01", dtype="datetime64[M]").astype("datetime64[D]")
        asked = {"cohort": months, "ltv": np.ones((48, 1)), "size": np.full(48, 9), "period": "month"}
        cohorts = CohortLtv(**asked, acquisition_cost=np.full(48, 5.0), payback=np.full(48, np.nan))
        assert cohorts.conclusion.endswith(", 2021-08-01 and 28 more.")
        alike = weighted_choice({f"o{k}": {"price": 1.0} for k in range(30)}, {"price": 1.0})
        assert ", o19 and 10 more have the same score" in alike.conclusion

    def test_long_tuples_are_shown_short(self):
        names = tuple(f"arm {k}" for k in range(5000))
        values = (
            compare_proportions(np.ones(5000, dtype=int), np.full(5000, 9), names=names),
            SegmentMembership(
                names=names, bits=np.zeros((5000, 1), dtype=np.uint8), n_customers=8, as_of="2024-01-01", customer=None
            ),
        )
        for value in values:
            assert "'arm 2', ..., 'arm 4997'" in repr(value)
            assert len(repr(value)) < 2000


class TestPercent:
    """A share with one decimal, and below 1 % with two significant digits."""

    @pytest.mark.parametrize(
        ("share", "said"),
        [
            (0.1234, "12.3%"),
            (1, "100.0%"),
            (0, "0.0%"),
            (-0.0, "0.0%"),
            (0.005, "0.5%"),
            (0.00996, "1.0%"),
            (0.0005, "0.05%"),
            (8.8e-5, "0.0088%"),
            (3e-8, "0.000003%"),
            (math.nan, "nan%"),
            (0.9994, "99.9%"),
            (0.9997, "99.97%"),
            (1 - 3e-8, "99.999997%"),
            (1 - 1e-15, "100.0%"),
            (1.0004, "100.0%"),
        ],
    )
    def test_known(self, share, said):
        assert percent(share) == said

    def test_different_shares_look_different(self):
        assert percents(0.05, 0.0503) == ["5.00%", "5.03%"]
        assert percents(0.0505, 0.05) == ["5.05%", "5.00%"]  # 5.1 and 5.0 differ by twice as much
        assert percents(0.1234, 0.1246) == ["12.34%", "12.46%"]  # 12.3 and 12.5 differ by two thirds more
        assert percents(0.05, 0.06, 0.05) == ["5.0%", "6.0%", "5.0%"]
        assert percents(0.0, 1e-4, 0.99996) == ["0.0%", "0.01%", "99.996%"]
        assert percents(0.3, 0.1 + 0.2) == ["30.0%", "30.0%"]

    def test_whole_percent(self):
        shares = (0, 0.12, 0.01, 0.00996, 0.0034, 0.996, 0.99996)
        assert [percent(x, digits=0) for x in shares] == ["0%", "12%", "1%", "1%", "0.34%", "99.6%", "99.996%"]

    def test_different_numbers_look_different(self):
        assert decimals_apart(0.123401, 0.123449, 4) == ("0.12340", "0.12345")
        assert decimals_apart(0.3, 0.1 + 0.2, 4) == ("0.3000", "0.3000")
        assert decimals_apart(0.25, 0.5, 2) == ("0.25", "0.50")

    def test_quantities_beside_each_other_differ_as_they_do(self):
        assert figures_apart(1002.31, 1002.44) == ("1,002.3", "1,002.4")
        assert figures_apart(1002.45, 1002.58) == ("1,002.5", "1,002.6")  # 1,002 and 1,003 differ by much more
        assert figures_apart(100.021, 100.034) == ("100.02", "100.03")
        assert figures_apart(52.31, 40) == ("52.31", "40")
        assert figures_apart(1e20, 1e-20) == ("1e+20", "almost 0")
        assert figures_apart(0.3, 0.1 + 0.2) == ("0.3", "0.3")

    def test_a_large_number_with_few_digits_has_no_exponent(self):
        assert [decimal(x, 2) for x in (152.4, -1234, 99.6)] == ["150", "-1,200", "100"]
        assert decimal(1e15, 2) == "1e+15"

    def test_a_factor_above_1_is_not_written_as_1(self):
        assert [times(x) for x in (1.04, 1.0004, 1.05, 2.345, 1234.5)] == ["1.04", "1.0004", "1.1", "2.3", "1,234.5"]

    def test_points(self):
        assert [points(x) for x in (0, 0.0123, -0.00034, 0.005)] == ["+0.0", "+1.2", "-0.034", "+0.5"]

    def test_money(self):
        amounts = (0, -0.0, 12.3, 0.01, 0.006, 0.00123, -0.00099, 1e-12, 1234567.891, math.inf)
        said = ["0.00", "0.00", "12.30", "0.01", "0.01", "0.0012", "-0.00099", "0.00", "1,234,567.89", "inf"]
        assert [money(x) for x in amounts] == said
        assert [money(x, 0.0012, 5, form="+z") for x in (0.0012, 5, 0)] == ["+0.0012", "+5.00", "+0.0000"]
        assert [money(x, 0.00098, 0.46183) for x in (0.00098, 0.46183)] == ["0.00098", "0.462"]
        assert [money(x, 0.0009, 0.0012, 0.0061) for x in (0.0009, 0.0012, 0.0061)] == ["0.00090", "0.00120", "0.00610"]
        assert [money(x, 0.003, 123.456, math.inf) for x in (0.003, 123.456, math.inf)] == ["0.0030", "123.46", "inf"]
        assert money(0.004, 1e12) == "0.00"  # lost in the rounding of the other

    @hypothesis.given(st.floats(1e-12, 1))
    def test_no_share_is_written_far_from_itself(self, share):
        assert float(percent(share)[:-1]) / 100 == pytest.approx(share, rel=0.051)


class TestSides:
    """What is written is on the same side of a limit as the number that was judged."""

    @pytest.mark.parametrize(
        ("p", "alpha", "said"),
        [
            (0.0496, 1 - 0.95, "p 0.0496"),
            (0.0503, 1 - 0.95, "p 0.0503"),
            (0.04123, 1 - 0.95, "p 0.041"),
            (0.05, 0.05, "p 0.05"),
            (5e-5, 0.05, "p < 0.0001"),
            (5e-5, 1e-5, "p 0.00005"),
            (5e-7, 1 - 0.99999, "p < 0.00001"),
        ],
    )
    def test_p_values(self, p, alpha, said):
        assert p_text(p, alpha) == said

    def test_known(self):
        assert on_its_side(0.50031, 0.5, 3) == "0.5003"
        assert on_its_side(np.float64(-0.02), 0, 1, "+z") == "-0.02"
        assert on_its_side(1234.5, 0, 0, "z,") == "1,234"
        assert _compared(-17_080.851, -17_080.854).endswith("-17,080.851 with the calendar, -17,080.854 without it")
        assert [fraction(x) for x in (0, 0.003, 0.456, 0.9997, 1)] == ["0.00", "0.003", "0.46", "0.9997", "1.00"]
        assert [fraction(1 - x) for x in (1e-9, 4e-12, 1e-16)] == ["0.999999999", "0.999999999996", "1.00"]
        assert fraction(0.9997, 1.0) == fraction(0.9997, 0.0) == "0.9997"
        assert (fraction(0.5, 0.9997), fraction(0.5, 0.0), fraction(0.5, 1.0)) == ("0.5000", "0.50", "0.50")

    @hypothesis.given(st.floats(0, 1), st.sampled_from([0.01, 0.05, 0.1]))
    def test_every_p_value(self, p, alpha):
        if abs(p - alpha) > 1e-12:
            written = p_text(p, alpha)
            assert (float(written.split()[-1]) < alpha or "<" in written) == (p < alpha)

    def test_one_day(self):
        results = known("JourneyResults", within_days=1, n_by_decision=[[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]])
        assert "in one row whose 1 day is over." in results.conclusion

    def test_in_sentences(self):
        score = known("LeadScoreFit", auc=0.5601, auc_interval=Interval(np.float64(0.50031), np.float64(0.6)))
        assert "tells buyers from others: AUC 0.560 (95 % interval 0.5003 to 0.600)" in score.conclusion
        before, after = (NpsCounts(n_promoters=n, n_passives=6000 - n, n_detractors=4000) for n in (4000, 4003))
        ends = Interval(np.float64(0.01), np.float64(0.1))
        found = known("NpsChange", before=before, after=after, interval=ends, p_value=0.0496).conclusion
        change = "NPS 0.0 before and 0.03 after, +0.03 points (95 % interval +0.01 to +0.1), p 0.0496: a change is"
        assert found.startswith(change)
        assert known("AgentScores", overall=0.003).conclusion.startswith("Typical agent 0.0030.")
        assert "score of 0.0020" in known("WeightedChoice", marks=[[0.002, 0.002], [0.002, 0.002]]).conclusion
        assert "(p 0.0496)" in known("CohortComparison", p_value=0.0496, pair_p_value=[0.0496]).conclusion
