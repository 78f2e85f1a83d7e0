"""Lead scores by rules, and points learned from past leads."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from crmvalue._funnels.leads.fit import _auc, _auc_interval, _calibration_intercept, _hold_out, fit_lead_score
from crmvalue._funnels.leads.score import FitRule, Grade, LeadScore, Signal
from crmvalue.errors import DataWarning, InputError
from crmvalue.typing import Interval

NOW = dt.datetime(2024, 5, 31, 12)
NAMES = ["demo", "visit", "unsubscribe"]

amounts = st.integers(-50, 50) | st.floats(-100, 100).map(lambda points: round(points, 3))
positive = st.none() | st.integers(1, 60) | st.floats(0.5, 60)
signals = st.tuples(*[st.tuples(amounts, positive, positive, positive)] * 3).map(
    lambda rows: [
        Signal(event=name, points=p, cap=cap, lookback_days=look, half_life_days=half)
        for name, (p, cap, look, half) in zip(NAMES, rows, strict=True)
    ]
)
ages = st.integers(-3, 90) | st.floats(-3, 90)
logs = st.lists(
    st.tuples(st.sampled_from(["anna", "boris", "clara", "stranger"]), st.sampled_from([*NAMES, "other"]), ages),
    min_size=1,
    max_size=40,
)
LEADS = ["clara", "anna", "boris"]
thresholds = st.lists(st.integers(-50, 100), min_size=3, max_size=3, unique=True).map(sorted)
scores = st.lists(st.integers(-80, 130), min_size=1, max_size=12)


def columns(log):
    return tuple(
        list(column)
        for column in zip(*[(c, e, NOW - dt.timedelta(microseconds=round(a * 864e8))) for c, e, a in log], strict=True)
    )


def slow_engagement(log, rules, lead):
    """Score one lead by going through its events."""
    total = 0.0
    for rule in rules:
        points = 0.0
        for customer, event, drawn in log:
            age = round(drawn * 864e8) / 864e8
            if customer == lead and event == rule.event and 0 <= age <= (rule.lookback_days or math.inf):
                points += rule.points * (0.5 ** (age / rule.half_life_days) if rule.half_life_days else 1)
        total += points if rule.cap is None else max(-rule.cap, min(rule.cap, points))
    return total


def graded(totals, grades, previous=None):
    """Give leads those totals by a fit rule each, and read their grades."""
    fit = [FitRule(attribute="n", equals=i, points=total) for i, total in enumerate(totals)]
    score = LeadScore(fit=fit, grades=grades)
    return score.score(
        range(len(totals)), attributes={"n": range(len(totals))}, as_of=NOW, previous_grade=previous
    ).grade.tolist()


class TestLeadScore:
    """Points for attributes and events: decayed, within the look-back, cut at the cap of each signal."""

    @given(logs, signals)
    def test_equals_going_through_the_events(self, log, rules):
        found = LeadScore(signals=rules).score(LEADS, events=columns(log), as_of=NOW)
        for place, lead in enumerate(LEADS):
            assert found.engagement[place] == pytest.approx(slow_engagement(log, rules, lead), abs=1e-6)
        lost = found.n_later + found.n_too_old + found.n_without_signal + found.n_unknown_customer
        assert found.n_events + lost == len(log)
        assert found.n_unknown_customer == sum(c == "stranger" for c, _, _ in log)

    @given(logs, signals, st.lists(st.integers(0, 60), min_size=3, max_size=3))
    def test_an_explanation_sums_exactly_to_the_score(self, log, rules, employees):
        fit = [
            FitRule(attribute="employees", points=0.1, at_least=10),
            FitRule(attribute="employees", points=-1 / 3, below=40),
        ]
        score = LeadScore(fit=fit, signals=rules)
        found = score.score(LEADS, attributes={"employees": employees}, events=columns(log), as_of=NOW)
        for place, lead in enumerate(LEADS):
            items = found.explain(lead)
            assert sum(item.points for item in items) == found.total[place]
            assert sum(item.points for item in items if item.n_events is None) == found.fit[place]
            for item in items:
                if item.n_events is not None:
                    assert 0 < item.n_events <= sum(c == lead and e == item.rule for c, e, _ in log)

    @given(logs, signals, st.randoms(use_true_random=False))
    def test_order_of_events_does_not_matter(self, log, rules, random):
        score = LeadScore(signals=rules)
        found = score.score(LEADS, events=columns(log), as_of=NOW)
        random.shuffle(log)
        assert score.score(LEADS, events=columns(log), as_of=NOW) == found

    @given(logs, signals)
    def test_order_of_leads_does_not_matter(self, log, rules):
        score = LeadScore(signals=rules)
        found = score.score(LEADS, events=columns(log), as_of=NOW)
        turned = score.score(LEADS[::-1], events=columns(log), as_of=NOW)
        assert turned.total.tolist() == found.total[::-1].tolist()
        assert turned.customer.tolist() == LEADS[::-1]

    def test_both_ends_of_the_lookback_count(self):
        rule = Signal(event="visit", points=1, lookback_days=7)
        time = ["2024-05-24 12:00", "2024-05-24 11:59:59", "2024-05-31 12:00", "2024-05-31 12:00:01"]
        found = LeadScore(signals=[rule]).score([1], events=([1] * 4, ["visit"] * 4, time), as_of=NOW)
        assert found.engagement.tolist() == [2.0]
        assert (found.n_events, found.n_too_old, found.n_later) == (2, 1, 1)

    def test_without_events_nothing_is_counted(self):
        found = LeadScore(fit=[FitRule(attribute="n", equals=1, points=3)]).score([1], attributes={"n": [1]}, as_of=NOW)
        assert found.total.tolist() == [3]
        counts = ("n_events", "n_later", "n_too_old", "n_without_signal", "n_unknown_customer")
        assert {getattr(found, name) for name in counts} == {0}
        fields = {field.name: getattr(found, field.name) for field in attrs.fields(type(found))}
        assert type(found)(**{name: value for name, value in fields.items() if name not in counts}) == found

    def test_decay_halves(self):
        rule = Signal(event="visit", points=16, half_life_days=10)
        time = ["2024-05-31 12:00", "2024-05-21 12:00", "2024-05-01 12:00"]
        found = LeadScore(signals=[rule]).score([1, 2, 3], events=([1, 2, 3], ["visit"] * 3, time), as_of=NOW)
        assert found.engagement.tolist() == [16.0, 8.0, 2.0]

    @pytest.mark.parametrize(
        ("rule", "column", "expected"),
        [
            ({"equals": "bank"}, ["bank", "Bank", None], [5, 0, 0]),
            ({"equals": ["bank", "shop"]}, ["shop", "bank", "farm"], [5, 5, 0]),
            ({"equals": True}, [True, False, None], [5, 0, 0]),
            ({"equals": [3]}, np.array([3.0, 4.0, np.nan]), [5, 0, 0]),
            ({"equals": "3"}, [3, 4, 5], [0, 0, 0]),
            ({"at_least": 10}, [10, 9.99, None], [5, 0, 0]),
            ({"below": 10}, [10, 9.99, np.nan], [0, 5, 0]),
            ({"at_least": 10, "below": 20}, [9, 10, 20], [0, 5, 0]),
        ],
    )
    def test_fit_rules(self, rule, column, expected):
        score = LeadScore(fit=[FitRule(attribute="x", points=5, **rule)])
        found = score.score(["a", "b", "c"], attributes={"x": column}, as_of=NOW)
        assert found.fit.tolist() == expected
        assert found.engagement.tolist() == [0, 0, 0]

    @given(thresholds, st.lists(st.integers(0, 30), min_size=3, max_size=3), scores, st.data())
    def test_grades_follow_their_definition(self, enter, gaps, totals, data):
        leave = np.minimum.accumulate([e - g for e, g in zip(enter, gaps, strict=True)][::-1])[::-1].tolist()
        names = ["cold", "cool", "warm", "hot"]
        grades = [Grade(name=n, enter=e, leave=x) for n, e, x in zip(names[1:], enter, leave, strict=True)]
        previous = data.draw(st.lists(st.sampled_from(names), min_size=len(totals), max_size=len(totals)))
        for total, before, now in zip(totals, previous, graded(totals, grades, previous), strict=True):
            up = max([0, *(i + 1 for i in range(3) if total >= enter[i])])
            held = max([0, *(i + 1 for i in range(3) if i + 1 <= names.index(before) and total >= leave[i])])
            assert now == names[max(up, held)]
        new = graded(totals, grades)
        assert new == graded(totals, grades, [None] * len(totals)) == graded(totals, grades, ["cold"] * len(totals))

    def test_rounding_alone_keeps_no_lead_from_a_grade(self):
        assert graded([0.7 + 0.1, 0.79], [Grade(name="hot", enter=0.8, leave=0.8)]) == ["hot", "cold"]

    def test_a_grade_does_not_flicker(self):
        grades = [Grade(name="hot", enter=60, leave=50)]
        grade = None
        seen = []
        for total in [55, 60, 59, 50, 49.9, 59, 61]:
            (grade,) = graded([total], grades, [grade])
            seen.append(grade)
        assert seen == ["cold", "hot", "hot", "hot", "cold", "cold", "hot"]

    @given(signals)
    def test_round_trip(self, rules):
        score = LeadScore(
            fit=[
                FitRule(attribute="industry", points=5, equals=["банк", 3, True]),
                FitRule(attribute="n", points=2, below=4),
            ],
            signals=rules,
            grades=[Grade(name="warm", enter=5, leave=1)],
            lowest="new",
        )
        assert LeadScore.from_json(score.to_json()) == score

    def test_a_million_events(self):
        rng = np.random.default_rng(4)
        n, n_leads = 10**6, 10**5
        customer, kind = rng.integers(0, n_leads, n), rng.integers(0, 3, n)
        time = np.datetime64("2024-05-31T12:00", "s") - rng.integers(0, 9 * 10**6, n).astype("timedelta64[s]")
        rules = [
            Signal(event=name, points=p, cap=40, lookback_days=90, half_life_days=20)
            for name, p in zip(NAMES, [20, 3, -10], strict=True)
        ]
        events = (customer, np.array(NAMES)[kind], time)
        found = LeadScore(signals=rules).score(np.arange(n_leads), events=events, as_of=NOW)
        assert found.n_events + found.n_too_old == n
        lead = int(customer[0])
        assert sum(item.points for item in found.explain(lead)) == found.total[lead]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": ["a", "a"]}, "customer"),
            ({"customer": []}, "customer"),
            ({"customer": ["a", None]}, "customer"),
            ({"attributes": None}, "attributes"),
            ({"attributes": {"m": [1, 2]}}, "attributes"),
            ({"attributes": {"n": [1, 2, 3]}}, "attributes['n']"),
            ({"attributes": {"n": ["1", "2"]}}, "attributes['n']"),
            ({"attributes": [1]}, "attributes"),
            ({"events": None}, "events"),
            ({"events": (["a"], ["visit"])}, "events"),
            ({"events": (["a"], ["visit", "visit"], ["2024-01-01"])}, "events[1]"),
            ({"events": (["a"], ["visit"], ["2024-01-01"] * 2)}, "events[2]"),
            ({"events": (["a"], ["visit"], [None])}, "events[2]"),
            ({"events": ([1], ["visit"], ["2024-01-01"])}, "events"),
            ({"as_of": None}, "as_of"),
            ({"previous_grade": ["cold"]}, "previous_grade"),
            ({"previous_grade": ["cold", "burning"]}, "previous_grade"),
            ({"previous_grade": [1, "cold"]}, "previous_grade"),
        ],
    )
    def test_score_rejections(self, changes, name):
        score = LeadScore(fit=[FitRule(attribute="n", points=1, at_least=1)], signals=[Signal(event="visit", points=1)])
        valid = {"customer": ["a", "b"], "attributes": {"n": [1, 2]}, "events": (["a"], ["visit"], ["2024-01-01"])}
        with pytest.raises(InputError) as caught:
            score.score(**{**valid, "as_of": NOW, **changes})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("kind", "fields", "name"),
        [
            (Signal, {"event": "", "points": 1}, "event"),
            (Signal, {"event": "a", "points": 10_001}, "points"),
            (Signal, {"event": "a", "points": np.nan}, "points"),
            (Signal, {"event": "a", "points": 1, "cap": 0}, "cap"),
            (Signal, {"event": "a", "points": 1, "lookback_days": -1}, "lookback_days"),
            (Signal, {"event": "a", "points": 1, "half_life_days": 0}, "half_life_days"),
            (FitRule, {"attribute": "a", "points": 1}, "equals"),
            (FitRule, {"attribute": "a", "points": 1, "equals": 1, "below": 2}, "equals"),
            (FitRule, {"attribute": "a", "points": 1, "equals": []}, "equals"),
            (FitRule, {"attribute": "a", "points": 1, "equals": [None]}, "equals"),
            (FitRule, {"attribute": "a", "points": 1, "at_least": 2, "below": 2}, "below"),
            (Grade, {"name": "a", "enter": 1, "leave": 2}, "leave"),
            (LeadScore, {}, "signals"),
            (LeadScore, {"signals": [Signal(event="a", points=1)] * 2}, "signals"),
            (LeadScore, {"signals": ["a"]}, "signals"),
            (LeadScore, {"signals": "a"}, "signals"),
            (
                LeadScore,
                {"signals": [Signal(event="a", points=1)], "grades": [Grade(name="cold", enter=2, leave=1)]},
                "grades",
            ),
            (
                LeadScore,
                {
                    "signals": [Signal(event="a", points=1)],
                    "grades": [Grade(name="hot", enter=9, leave=8), Grade(name="warm", enter=5, leave=4)],
                },
                "grades",
            ),
        ],
    )
    def test_value_rejections(self, kind, fields, name):
        with pytest.raises(InputError) as caught:
            kind(**fields)
        assert caught.value.name == name

    def test_most_rules(self):
        rules = [FitRule(attribute=f"n{i}", points=1, below=1) for i in range(201)]
        assert len(LeadScore(fit=rules[:200]).fit) == 200
        with pytest.raises(InputError, match="`fit` must be at most 200; got 201"):
            LeadScore(fit=rules)

    def test_an_unknown_lead_is_not_explained(self):
        found = LeadScore(fit=[FitRule(attribute="n", points=1, below=1)]).score(
            ["a"], attributes={"n": [0]}, as_of=NOW
        )
        assert found.explain("a") == (("n below 1", 1.0, None),)
        assert list(found.to_columns()) == ["customer", "fit", "engagement", "total", "grade"]
        for nobody in ("b", 1, None, ["a"]):
            with pytest.raises(InputError, match="one of the leads that were scored"):
                found.explain(nobody)
        with pytest.raises(InputError, match="to_json"):
            LeadScore.from_json("{}")


def drawn_leads(n, seed, weights=(1.0, -0.5, 0.0), base=-1.0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.poisson(1, n), rng.normal(50, 20, n), rng.random(n) < 0.3]).astype(float)
    scale = np.array([1.0, 20.0, 1.0])
    eta = base + ((x - [1, 50, 0]) / scale) @ np.array(weights)
    return x, rng.random(n) < 1 / (1 + np.exp(-eta))


def fitted(x, y, seed=0, **options):
    names = [f"x{i}" for i in range(np.shape(x)[1])]
    return fit_lead_score(x, y, names=names, rng=np.random.default_rng(seed), **options)


class TestFitLeadScore:
    """Penalised logistic regression on standardised columns, tried on leads held out."""

    def test_columns_of_a_frame_are_found_by_name(self):
        rng = np.random.default_rng(3)
        frame = pd.DataFrame({"visits": rng.poisson(2, 60), "demo": rng.random(60) < 0.5, "day": pd.Timestamp(0)})
        won, options = rng.random(60) < 0.4, {"names": ["demo", "visits"], "holdout_share": 0.4}
        plain = np.column_stack([frame["demo"].to_numpy().astype(float), frame["visits"]])
        found = fit_lead_score(frame, won, **options, rng=np.random.default_rng(1))
        assert found == fit_lead_score(plain, won, **options, rng=np.random.default_rng(1))
        assert found.prob_won(frame).tolist() == found.prob_won(plain).tolist()
        with pytest.raises(InputError, match=r"`X` must be numeric; got .*dates or durations in the column 'day'"):
            fit_lead_score(frame, won, rng=rng)

    @pytest.mark.parametrize(("share", "n_held"), [(0.01, 2), (0.29, 3), (0.7, 7), (0.99, 8)])
    def test_two_of_each_kind_are_on_either_side(self, share, n_held):
        won = np.arange(20) < 10
        held = _hold_out(won, share, np.random.default_rng(1))
        assert (held[won].sum(), held[~won].sum()) == (n_held, n_held)

    @pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
    def test_equals_a_general_minimiser(self, penalty):
        x, y = drawn_leads(300, 1)
        found = fitted(x, y, penalty=penalty, holdout_share=0.2)
        rng = np.random.default_rng(0)
        held = np.zeros(len(y), dtype=bool)
        for is_won in (True, False):  # the draw that the docstring promises: the same share of both
            rows = np.nonzero(y == is_won)[0]
            held[rng.permutation(rows)[: round(0.2 * len(rows))]] = True
        assert (found.n_holdout, found.n_won_holdout) == (held.sum(), y[held].sum())
        z = (x - x[~held].mean(axis=0)) / x[~held].std(axis=0)

        def loss(beta):
            eta = beta[0] + z[~held] @ beta[1:]
            return np.logaddexp(0, eta).sum() - eta[y[~held]].sum() + penalty / 2 * (beta[1:] ** 2).sum()

        best = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
        np.testing.assert_allclose(found.standardised, best.x[1:], atol=1e-5)  # what BFGS reaches
        np.testing.assert_allclose(found.coefficient * x[~held].std(axis=0), best.x[1:], atol=1e-5)
        prob = 1 / (1 + np.exp(-(best.x[0] + z @ best.x[1:])))
        np.testing.assert_allclose(found.prob_won(x), prob, atol=1e-5)
        assert found.brier_score == pytest.approx(np.mean((prob[held] - y[held]) ** 2), abs=1e-5)
        pairs = [(a > b) + 0.5 * (a == b) for a in prob[held & y] for b in prob[held & ~y]]
        assert found.auc == pytest.approx(np.mean(pairs))

    def test_the_calibration_intercept_is_that_of_the_definition(self):
        """With the slope 1 the predicted buyers are as many as the buyers; a score that says too little is above 0."""
        assert _calibration_intercept(np.zeros(4), np.array([True, True, True, False])) == pytest.approx(math.log(3))
        assert _calibration_intercept(np.ones(4), np.array([False, True, False, False])) == pytest.approx(
            -1 - math.log(3)
        )

    def test_a_score_is_never_worse_than_1_and_has_no_signal_twice(self):
        found = fitted(*drawn_leads(400, 2))
        for wrong in ({"brier_score": 1.01}, {"names": ("x0", "x0", "x2")}):
            with pytest.raises(InputError, match=f"`{next(iter(wrong))}` must be"):
                attrs.evolve(found, **wrong)

    def test_recovers_what_the_leads_were_drawn_from(self):
        x, y = drawn_leads(40_000, 2)
        found = fitted(x, y)
        np.testing.assert_allclose(found.coefficient, [1.0, -0.5 / 20, 0.0], atol=0.06)  # three standard errors
        assert found.calibration_slope == pytest.approx(1, abs=0.08)
        assert attrs.evolve(found, calibration_slope=-math.inf).calibration_slope == -math.inf
        assert found.calibration_intercept == pytest.approx(0, abs=0.08)
        assert found.auc_interval.low < found.auc < found.auc_interval.high
        assert found.conclusion.startswith("On 12,000 held-out leads the score tells buyers from others: AUC 0.7")
        assert found.points(largest=100)["x0"] == 100

    def test_units_and_shifts_do_not_matter(self):
        x, y = drawn_leads(500, 3)
        one, other = fitted(x, y), fitted(x * [1000, 1e-6, -3] + [5, -7, 1e3], y)
        np.testing.assert_allclose(other.standardised, one.standardised * [1, 1, -1], atol=1e-7)
        assert other.auc == one.auc

    def test_separated_leads(self):
        """The penalty keeps the coefficients finite, and the interval of a perfect AUC has a width."""
        x = np.arange(40.0)[:, np.newaxis]
        found = fitted(x, x[:, 0] >= 20, penalty=1e-6)
        assert np.isfinite(found.coefficient).all()
        assert found.auc == found.auc_interval.high == 1
        assert 0.4 < found.auc_interval.low < 0.95
        assert math.isnan(found.calibration_slope)

    def test_a_constant_column_weighs_nothing(self):
        x, y = drawn_leads(300, 4)
        found = fitted(np.column_stack([x[:, 0], np.full(300, 0.1)]), y)
        assert found.coefficient[1] == 0
        nothing = fitted(np.full((300, 1), 7), y)
        assert nothing.points() == {"x0": 0}
        assert nothing.auc == 0.5
        assert math.isnan(nothing.calibration_slope)
        assert "is not shown to tell" in nothing.conclusion
        near = attrs.evolve(nothing, brier_score=0.24001, brier_score_constant=0.24003)
        assert "(Brier score 0.24001 against 0.24003, " in near.conclusion
        luck = attrs.evolve(nothing, brier_score=0.20, brier_score_constant=0.21)
        assert "Its probabilities are not shown to be better than one share for all" in luck.conclusion
        wrong = attrs.evolve(nothing, auc=0.2, auc_interval=Interval(np.float64(0.15), np.float64(0.26)))
        assert "the score puts buyers behind others, so do not use it: AUC 0.200" in wrong.conclusion
        nearly = attrs.evolve(nothing, auc=0.9997, auc_interval=Interval(np.float64(0.99951), np.float64(1.0)))
        assert "AUC 0.9997 (95 % interval 0.9995 to 1.000)" in nearly.conclusion

    def test_noise_is_called_noise(self):
        rng = np.random.default_rng(6)
        low = [fitted(rng.normal(size=(200, 2)), rng.random(200) < 0.4, i).auc_interval.low > 0.5 for i in range(100)]
        assert np.mean(low) < 0.025 + 3 * math.sqrt(0.025 * 0.975 / 100)  # three standard errors

    def test_is_repeatable(self):
        x, y = drawn_leads(200, 5)
        assert fitted(x, y, 1) == fitted(x.tolist(), y.astype(int), 1)
        assert fitted(x, y, 1) != fitted(x, y, 2)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"y": [1] * 8}, "y"),
            ({"y": [1, 0] * 3}, "y"),
            ({"y": ["yes", "no"] * 4}, "y"),
            ({"y": [0.5, 1] * 4}, "y"),
            ({"X": [1.0] * 8}, "X"),
            ({"X": [["a"]] * 8}, "X"),
            ({"X": [[np.nan]] * 8}, "X"),
            ({"X": np.zeros((8, 0)), "names": []}, "X"),
            ({"names": ["a", "b"]}, "names"),
            ({"names": "a"}, "names"),
            ({"names": 3}, "names"),
            ({"penalty": 0}, "penalty"),
            ({"holdout_share": 0}, "holdout_share"),
            ({"rng": 1}, "rng"),
        ],
    )
    def test_rejections(self, changes, name):
        valid = {"X": np.arange(8.0)[:, np.newaxis], "y": [0, 1] * 4, "names": ["a"]}
        with pytest.raises(InputError) as caught:
            fit_lead_score(**{**valid, "rng": np.random.default_rng(0), **changes})
        assert caught.value.name == name

    def test_a_held_out_lead_far_beyond_the_others(self):
        """The search of the intercept goes from log-odds of 1e100 down to parts of 1e-12."""
        with pytest.warns(DataWarning, match="'x0' is 1e.100 at index 0"):
            far = [fitted(np.array([1e100, *range(7)])[:, np.newaxis], [0, 1] * 4, seed=seed) for seed in range(6)]
        assert np.isfinite([found.calibration_intercept for found in far]).all()

    def test_rejections_of_the_fit(self):
        found = fitted(np.arange(8.0)[:, np.newaxis], [0, 1] * 4)
        with pytest.raises(InputError, match="1 columns"):
            found.prob_won([[1, 2]])
        with pytest.raises(InputError, match="largest"):
            found.points(largest=0)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            found.auc = 1

    def test_settings_of_numpy(self):
        x = np.random.default_rng(0).normal(size=(200, 2))
        found = fit_lead_score(x, x[:, 0] > 0, names=["a", "b"], penalty=1e-12, rng=np.random.default_rng(0))
        sure = found.prob_won([[-1000.0, 0], [1000, 0]])
        with np.errstate(all="raise"):
            again = fit_lead_score(x, x[:, 0] > 0, names=["a", "b"], penalty=1e-12, rng=np.random.default_rng(0))
            assert again.to_json() == found.to_json()
            assert again.prob_won([[-1000.0, 0], [1000, 0]]).tolist() == sure.tolist() == [0, 1]

    @pytest.mark.parametrize("told", [True, False])
    def test_one_lead_far_from_all_others_is_said(self, recwarn, told):
        """A count of a million in one of 2,000 leads made the signal useless, without a word."""
        rng = np.random.default_rng(1)
        x = rng.poisson(2, (2000, 2)).astype(float)
        won = rng.random(2000) < 1 / (1 + np.exp(2 - 0.6 * x[:, 0]))
        x[5, 0], x[:, 1] = 1e6 if told else 50.0, np.arange(2000) < 3  # a signal that few leads have hides nothing
        fit = fit_lead_score(x, won, names=["visits", "rare"], rng=np.random.default_rng(2))
        assert (fit.coefficient[0] < 0.01) == told
        assert [str(one.message)[:41] for one in recwarn] == told * ["the signal 'visits' is 1e+06 at index 5, "]


class TestAucInterval:
    """Newcombe's interval from the variance of Hanley and McNeil."""

    def test_ends_lie_where_the_variance_says(self):
        m, n, auc = 12, 30, 0.8
        z = stats.norm.ppf(0.975)
        for theta in _auc_interval(auc, m, n, 0.95):
            q1, q2 = (
                theta / (2 - theta),
                2 * theta**2 / (1 + theta),
            )  # Hanley and McNeil (1982), equal sizes (m + n) / 2
            k = (m + n) / 2
            variance = (theta * (1 - theta) + (k - 1) * (q1 - theta**2) + (k - 1) * (q2 - theta**2)) / (m * n)
            assert abs(theta - auc) == pytest.approx(z * math.sqrt(variance), rel=1e-9)

    @pytest.mark.parametrize(("shift", "m", "n"), [(0.0, 20, 30), (1.0, 15, 60), (2.5, 20, 20)])
    def test_covers(self, shift, m, n):
        rng = np.random.default_rng(9)
        true = stats.norm.cdf(shift / math.sqrt(2))
        won = np.arange(m + n) < m
        hits = 0
        for _ in range(500):
            low, high = _auc_interval(_auc(rng.normal(size=m + n) + shift * won, won), m, n, 0.95)
            hits += low <= true <= high
        assert hits / 500 == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / 500))  # three standard errors

    def test_mirrors(self):
        for auc, (m, n) in itertools.product([0.0, 0.3, 0.5, 1.0], [(2, 2), (5, 40)]):
            low, high = _auc_interval(auc, m, n, 0.9)
            mirror = _auc_interval(1 - auc, m, n, 0.9)
            assert (1 - high, 1 - low) == pytest.approx(tuple(mirror), abs=1e-9)
