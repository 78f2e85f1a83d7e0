"""Pictures of more than one result."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmvalue import attribution, ltv, models, plots
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory, summarise_purchases

MODEL = models.BgNbd(0.243, 4.414, 0.793, 2.426, "week")
NBD = models.Nbd(0.385, 12.07, "week")
REGULAR = models.MbgCnbd(1.329, 2.813, 0.425, 0.790, "week", k=2)
DATES = ["2024-01-08", "2024-02-05", "2024-03-04"]
PATHS = attribution.Paths.from_lists([["search"], ["mail"], ["search", "mail"]], [2, 1, 3])
SAME = "2 of 2 earn the same for their cost, the most: 3 times what a customer costs"
INPUTS = {"arpu": 15, "margin": 0.6, "churn_rate": 0.04}


def history(**options):
    return plots.customer_history(DATES, MODEL, **{"as_of": "2024-04-01", "horizon": 52, **options})


def alive_on(day, dates=DATES):
    """Probability from the log up to a day, summed up as always."""
    bought = [date for date in dates if date <= str(day)]
    return MODEL.prob_alive(summarise_purchases([1] * len(bought), bought, time_unit="week", as_of=day))[0]


class TestCustomerHistory:
    """On each day, the probability that follows from the purchases up to that day."""

    def test_probability_of_each_day(self):
        data = history().plot_data()
        for day, before, after in zip(data["day"], data["prob_alive"], data["prob_if_silent"], strict=True):
            known = [value for value in (before, after) if not np.isnan(value)]
            assert known == pytest.approx([alive_on(day)] * len(known), rel=1e-9)

    def test_past_and_future_meet_today(self):
        data = history().plot_data()
        assert data["day"][~np.isnan(data["prob_alive"])].max() == np.datetime64("2024-04-01")
        assert data["day"][~np.isnan(data["prob_if_silent"])].min() == np.datetime64("2024-04-01")
        assert data["day"].max() == np.datetime64("2025-03-31")

    def test_first_day_below(self):
        data = history(act_below=0.6).plot_data()
        (day,) = data["write_by"][~np.isnat(data["write_by"])]
        assert alive_on(day) < 0.6 <= alive_on(day - 1)

    def test_purchases_and_the_naive_rule(self):
        data = history().plot_data()
        assert data["day"][data["purchase"] == 1].astype(str).tolist() == DATES
        (naive,) = data["twice_the_gap"][~np.isnat(data["twice_the_gap"])]
        assert naive == np.datetime64("2024-03-04") + 56  # 28 days between purchases

    def test_order_doubles_and_later_dates_do_not_matter(self):
        dates = [DATES[2], DATES[0], DATES[1], DATES[1], "2025-01-01"]
        assert plots.customer_history(dates, MODEL, as_of="2024-04-01", horizon=52) == history()

    @pytest.mark.parametrize(
        ("options", "title"),
        [
            ({"as_of": "2024-12-01"}, "Write today: since 2024-05-23, this customer is no longer likely active"),
            ({"horizon": 2}, "Until 2024-04-15, this customer is more likely active than gone"),
            ({"act_below": 0.6, "name": "ნინო"}, "Write by 2024-04-26: until then, ნინო is active with at least 60 %"),
        ],
    )
    def test_titles(self, options, title):
        assert history(**options).title == title

    def test_nobody_leaves_by_this_model(self):
        assert plots.customer_history(DATES, NBD, as_of="2024-04-01", horizon=9).title.startswith("Until ")

    @pytest.mark.parametrize("model", [None, 5, models.BgBb(1.2, 0.75, 0.66, 2.78), models.GammaGamma(6, 4, 15)])
    def test_other_models_are_refused(self, model):
        with pytest.raises(InputError, match="`model` must be a BgNbd"):
            plots.customer_history(DATES, model, as_of="2024-04-01", horizon=52)

    def test_too_long(self):
        with pytest.raises(InputError, match="at most 100 years"):
            history(horizon=99_999)


class TestValueMatrix:
    """Expected purchases of each cell, times the margin of one."""

    @pytest.mark.parametrize("model", [MODEL, REGULAR, models.BgCnbd(0.5, 2, 0.8, 2.4, "week", k=3)])
    def test_cells(self, model):
        data = plots.value_matrix(model, age=45, horizon=52, margin=7).plot_data()
        for count, silence, value in zip(data["frequency"], data["silence"], data["value"], strict=True):
            past = PurchaseHistory.from_columns(
                frequency=[float(count)], recency=[45 - float(silence)], age=[45], time_unit="week"
            )
            assert value == pytest.approx(7 * model.expected_purchases(past, horizon=52)[0], rel=1e-9)

    def test_silence_is_rounded_in_labels_alone(self):
        labels = plots.value_matrix(MODEL, age=52, horizon=1, margin=1).plot_data()["silence"]
        assert list(dict.fromkeys(labels.tolist())) == ["0", "6", "12", "17", "23", "29", "35", "40", "46"]

    @pytest.mark.parametrize(
        ("numbers", "words"),
        [
            ({"age": 1.125, "horizon": 1, "margin": 10}, "one silent for 1 week, "),
            ({"age": 52, "horizon": 52, "margin": 1e-9}, "is worth less than 0.01; one silent for 46 weeks, less than"),
            ({"age": 1e6, "horizon": 1e6, "margin": 1e80}, "is worth more than 1,000,000 bn; "),
        ],
    )
    def test_the_title_says_it_in_words(self, numbers, words):
        assert words in plots.value_matrix(MODEL, **numbers).title

    def test_no_cell_above_0_says_0(self):
        """The title named 0.02, and its cell 0."""
        picture = plots.value_matrix(MODEL, age=52, horizon=52, margin=0.003)
        assert " is back is worth 0.02; " in picture.title
        shown = picture.plot_data()["shown"].tolist()
        assert shown[0] == "0.02"
        assert "0" not in shown


class TestRegularCustomers:
    """Purchases at every k-th event."""

    def test_a_purchase_takes_several_events(self):
        data = plots.purchase_rates(REGULAR).plot_data()
        wanted = stats.gamma(1.329, scale=1 / (2 * 2.813)).ppf(np.arange(0.95, 0, -0.1))
        assert data["rate"] == pytest.approx(wanted, rel=1e-9)
        assert data["average"] == pytest.approx(1.329 / (2 * 2.813))
        assert plots.leaving_rates(REGULAR).plot_data()["average"] == pytest.approx(0.425 / (0.425 + 0.790))


class TestPurchasesByPeriod:
    """The columns of the tracking."""

    def test_columns(self):
        tracking = models.purchase_tracking([1, 1, 2], ["2024-01-01", "2024-02-01", "2024-01-20"], MODEL)
        data = plots.purchases_by_period(tracking).plot_data()
        assert data["actual"].tolist() == tracking.actual.tolist()
        assert tracking.plot_data()["actual"].tolist() == tracking.cumulative_actual.tolist()

    def test_of_many_periods_the_last_ones_are_no_fall(self):
        """A purchase a day for 251 days: the rest, one day, stood beside sums of two."""
        end = np.datetime64("2024-01-01") + np.arange(251)
        each, total = np.ones(251), np.arange(1.0, 252)
        log = models.PurchaseTracking(
            end=end, actual=each, expected=each, cumulative_actual=total, cumulative_expected=total
        )
        data = plots.purchases_by_period(log).plot_data()
        assert data["actual"].tolist() == data["expected"].tolist() == [1.0] * 126
        assert data["end"][-1] == end[-1]

    def test_another_value_is_refused(self):
        with pytest.raises(InputError, match="`tracking` must be a PurchaseTracking"):
            plots.purchases_by_period(MODEL)


class TestCompareAttributions:
    """Shares of each channel by each model."""

    def test_shares(self):
        results = [attribution.attribute(PATHS, model=model) for model in ("first", "last", "linear")]
        data = plots.compare_attributions(results).plot_data()
        for result in results:
            found = dict(zip(data["channel"].tolist(), data[f"share_{result.model}"].tolist(), strict=True))
            assert found == dict(zip(result.channels, result.share.tolist(), strict=True))

    def test_agreement(self):
        paths = attribution.Paths.from_lists([["search"], ["mail"]], [2, 1])
        results = [attribution.attribute(paths, model=model) for model in ("first", "last")]
        assert plots.compare_attributions(results).title == "search gets most by each of the 2 models"

    @pytest.mark.parametrize(
        ("touches", "converted", "models", "title"),
        [
            ([["a"], ["b"]], [0, 0], ["first", "last"], "No conversion had a touch, so no channel gets anything"),
            ([["a"], ["b"]], [2, 2], ["first", "last"], "2 channels get the same, the most, by each of the 2 models"),
            ([["a"], ["b"]], [2, 1], ["time_decay"], "a gets most by time decay"),
            ([["a", "b"]], [1], ["first", "linear"], "a gets most by each of the 2 models, not always alone"),
            ([["a", "b"]], [1], ["first", "last"], "The models disagree: a gets most by first, b by last"),
        ],
    )
    def test_titles_name_no_winner_where_there_is_none(self, touches, converted, models, title):
        days = [[0] * len(row) for row in touches]
        paths = attribution.Paths.from_lists(touches, converted, days_before=days)
        assert plots.compare_attributions([attribution.attribute(paths, model=m) for m in models]).title == title

    def test_the_channels_of_the_title_are_drawn_and_the_others_counted(self):
        """Only "first" gives anything to the channel x, and most."""
        names = [f"c{k:02d}" for k in range(20)]
        touches = [[names[k], names[k - j]] for k in range(20) for j in (1, 2, 3)] + [["x", one] for one in names[:16]]
        paths = attribution.Paths.from_lists(touches, [5] * 60 + [1] * 16, days_before=[[1, 0]] * 76)
        found = [attribution.attribute(paths, model=model) for model in ("first", "time_decay")]
        parts = plots.compare_attributions(found).parts
        assert parts.title == "The models disagree: x gets most by first, c00 by time decay"
        assert {"x", "c00"} <= set(parts.columns["channel"].tolist())
        assert parts.x.title == "Share of the conversions; 15 of 21 channels"

    @pytest.mark.parametrize("models_given", [[], ["first"] * 2, ["first", "last", "linear", "markov"]])
    def test_rejections(self, models_given):
        results = [attribution.attribute(PATHS, model=model) for model in models_given]
        with pytest.raises(InputError, match="`attributions` must be one to three"):
            plots.compare_attributions(results)


class TestCompareLtvToCac:
    """Value over cost, beside 1 and 3."""

    def test_ratios(self):
        data = plots.compare_ltv_to_cac(["a", "b"], [90, 200], [30, 50]).plot_data()
        assert (data["name"].tolist(), data["ratio"].tolist()) == (["b", "a"], [4.0, 3.0])
        assert data["healthy"][0] == 3

    @pytest.mark.parametrize(
        ("value", "cost", "title"),
        [
            ([90, 90], [30, 30], SAME),
            (
                [0.3, 0.1 + 0.2],
                [0.1, 0.1],
                SAME,
            ),
            ([30, 1000], [10, 500], "a earns most for its cost: 3 times what a customer costs"),
            ([30], [10], "a earns 3 times what a customer costs"),
        ],
    )
    def test_titles(self, value, cost, title):
        assert plots.compare_ltv_to_cac(["a", "b"][: len(value)], value, cost).title == title

    def test_labelled_columns_are_matched_by_name(self):
        value, cost = pd.Series([300, 100], index=["b", "a"]), pd.Series([100, 50], index=["a", "b"])
        data = plots.compare_ltv_to_cac(["a", "b"], value, cost).plot_data()
        assert (data["name"].tolist(), data["ratio"].tolist()) == (["b", "a"], [6.0, 1.0])
        assert plots.compare_ltv_to_cac(["a", "b"], {"b": 300, "a": 100}, cost).plot_data()["ratio"].tolist() == [6, 1]
        with pytest.raises(InputError, match="given in order, as `acquisition_cost` is, or both by name"):
            plots.compare_ltv_to_cac(["a", "b"], value, [100, 50])
        table = pd.DataFrame({"name": ["a", "b"], "value": [100, 300], "cost": [100, 50]}, index=[7, 9])
        found = plots.compare_ltv_to_cac(table["name"], table["value"], table["cost"]).plot_data()
        assert found["ratio"].tolist() == [6.0, 1.0]

    def test_what_costs_nothing_has_no_ratio(self):
        found = plots.compare_ltv_to_cac(["a", "b", "c"], [90, 200, 20], [30, 0, 10])
        assert found.plot_data()["name"].tolist() == ["a", "c"]
        axis = found.to_vega()["layer"][0]["encoding"]["x"]["title"]
        assert axis == "Lifetime value over acquisition cost; 1 without a cost left out"
        with pytest.raises(InputError, match="above 0 for at least one"):
            plots.compare_ltv_to_cac(["a"], [1], [0])

    def test_of_many_rows_the_picture_says_how_many(self):
        found = plots.compare_ltv_to_cac([f"c{k}" for k in range(10_000)], np.arange(10_000.0), np.ones(10_000))
        axis = found.to_vega()["layer"][0]["encoding"]["x"]["title"]
        assert axis == "Lifetime value over acquisition cost: 16 of 10,000, best and worst"

    def test_both_counts_have_room_below_the_picture(self):
        cost = np.repeat([1.0, 0.0], [30, 5])
        found = plots.compare_ltv_to_cac([f"c{k}" for k in range(35)], np.arange(35.0), cost)
        axis = found.to_vega()["layer"][0]["encoding"]["x"]["title"]
        assert axis == "LTV:CAC: 16 of 30, best and worst; 5 without a cost left out"

    def test_rejections(self):
        with pytest.raises(InputError, match="all different"):
            plots.compare_ltv_to_cac(["a", "a"], [1, 2], [1, 2])
        with pytest.raises(InputError, match="`ltv` must"):
            plots.compare_ltv_to_cac(["a", "b"], [1, 2, 3], [1, 2])


class TestSensitivity:
    """The value at each input, lowered and raised."""

    def test_values(self):
        data = plots.sensitivity(ltv.ltv_margin_churn, INPUTS, change=0.25).plot_data()
        for name, low, high in zip(data["input"].tolist(), data["value_lower"], data["value_higher"], strict=True):
            assert low == ltv.ltv_margin_churn(**{**INPUTS, name: 0.75 * INPUTS[name]})
            assert high == ltv.ltv_margin_churn(**{**INPUTS, name: 1.25 * INPUTS[name]})

    def test_titles(self):
        equal = {"arpu": 15, "lifetime": 6}
        title = "2 inputs move the value the same, the most: with 10 % more or less, it varies by 18"
        assert plots.sensitivity(lambda arpu, lifetime: arpu * lifetime, equal).title == title
        title = "arpu moves the value: 10 % more or less gives 81 to 99"
        assert plots.sensitivity(lambda arpu, lifetime: arpu * lifetime, equal, vary=["arpu"]).title == title

    @pytest.mark.parametrize("column", [list, np.array, pd.Series])
    def test_the_elements_of_a_column_change_together(self, column):
        """A title that names the margin would be untrue: revenue moves the value as much."""
        contract = {"margin": 0.5, "discount_rate": 0.1, "acquisition_cost": 100}
        found = plots.sensitivity(ltv.ltv_npv, {"revenue": column([200, 240, 300]), **contract})
        assert found.title == "2 inputs move the value the same, the most: with 10 % more or less, it varies by 60.6"
        data = found.plot_data()
        ends = dict(zip(data["input"].tolist(), data["value_higher"].tolist(), strict=True))
        assert ends["revenue"] == pytest.approx(ltv.ltv_npv([220, 264, 330], **contract))

    def test_a_column_next_to_0_under_any_numpy_settings(self):
        with np.errstate(all="raise"):
            found = plots.sensitivity(lambda x: 1 + len(x), {"x": np.array([1e-310])})
        assert found.title == "No input moves the value"

    def test_of_many_inputs_the_picture_says_how_many(self):
        inputs = {f"x{k}": k for k in range(1, 41)}
        axis = plots.sensitivity(lambda **x: sum(x.values()), inputs).to_vega()["layer"][0]["encoding"]["x"]["title"]
        assert axis == "Value, 16 of 40 inputs: those that move it most"

    def test_a_refused_change_is_missing(self):
        data = plots.sensitivity(ltv.ltv_margin_churn, {**INPUTS, "margin": 0.95}, vary=["margin"]).plot_data()
        assert np.isnan(data["value_higher"][0])

    def test_a_refused_change_is_counted_and_not_in_the_title(self):
        contract = {"arpu": 10, "margin": 0.5, "retention_rate": 0.95, "discount_rate": 0.1, "timing": "end"}
        found = plots.sensitivity(ltv.ltv_retention, contract)
        assert found.title == "retention_rate moves the value most: 10 % less gives 20.4 in place of 33.3"
        axis = found.to_vega()["layer"][0]["encoding"]["x"]["title"]
        assert axis == "Value; 1 change refused, not drawn"

    @pytest.mark.parametrize(
        ("function", "inputs", "options", "name"),
        [
            (None, INPUTS, {}, "function"),
            (lambda arpu: [arpu, 1], {"arpu": 1}, {}, "function"),
            (ltv.ltv_margin_churn, 5, {}, "inputs"),
            (lambda x: x * float("inf"), {"x": 1}, {}, "inputs"),
            (ltv.ltv_margin_churn, INPUTS, {"vary": ["other"]}, "vary"),
            (ltv.ltv_margin_churn, INPUTS, {"vary": []}, "vary"),
        ],
    )
    def test_rejections(self, function, inputs, options, name):
        with pytest.raises(InputError) as caught:
            plots.sensitivity(function, inputs, **options)
        assert caught.value.name == name
