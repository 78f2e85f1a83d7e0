"""Service levels, agents, and what bad service costs, against slow counts and independent solvers."""

from __future__ import annotations

import datetime as dt

import attrs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from crmvalue._metrics.service.influence import _log_rank
from crmvalue.errors import DataWarning, InputError
from crmvalue.metrics import (
    AgentScores,
    BusinessHours,
    agent_scores,
    proportion_interval,
    resolution_time,
    response_time,
    retention_by_worst_ticket,
    service_level,
)
from tests.cohorts.references import log_rank_exact
from tests.core.references import open_minutes
from tests.metrics.references import kaplan_meier_at, mixed_over_spreads

OFFICE = BusinessHours(
    hours={"Mon-Fri": ["09:00-13:00", "14:00-18:00"]}, holidays=["2024-04-01"], time_zone="Europe/Kyiv"
)
NOW = np.datetime64("2024-04-02T12:00", "m")
START = np.datetime64("2024-03-28T00:00", "m")

OPEN = np.append(0, np.cumsum(open_minutes(OFFICE, START, START + 12 * 24 * 60)))


def open_hours(start, end):
    """Hours that were open from one minute to another, by the walk."""
    a, b = ((moment - START).astype(int) for moment in (start, end))
    return (OPEN[b] - OPEN[a]) / 60


minutes = st.integers(0, 6 * 24 * 60)
tickets = st.lists(
    st.tuples(minutes, st.none() | st.integers(0, 3000), st.sampled_from(["low", "high"]), st.sampled_from(["a", "b"])),
    min_size=1,
    max_size=6,
).filter(lambda rows: any(START + row[0] <= NOW for row in rows))


class TestServiceLevel:
    """Of the tickets whose target time is over, the share resolved in it."""

    @given(tickets)
    def test_equals_a_count_minute_by_minute(self, rows):
        target = {"low": 8, ("a", "high"): 2, ("b", "high"): 3.5}
        opened = START + np.array([row[0] for row in rows])
        resolved = np.array([o + r[1] if r[1] is not None else "NaT" for o, r in zip(opened, rows, strict=True)])
        resolved = resolved.astype("datetime64[m]")
        found = service_level(
            opened,
            resolved,
            target,
            as_of=NOW,
            business_hours=OFFICE,
            priority=[row[2] for row in rows],
            customer_class=[row[3] for row in rows],
        )
        counts, left = {}, {}
        for i, (start, end, row) in enumerate(zip(opened, resolved, rows, strict=True)):
            if start > NOW:
                continue
            hours = target.get((row[3], row[2]), target.get(row[2]))
            so_far = open_hours(start, NOW)
            solved = not np.isnat(end) and end <= NOW
            used = open_hours(start, end) if solved else np.inf
            kind = 2 if so_far <= hours else 0 if used <= hours else 1
            counts.setdefault((row[3], row[2]), [0, 0, 0])[kind] += 1
            if not solved:
                left[i] = hours - so_far
        columns = (found.customer_class, found.priority, found.n_within, found.n_missed, found.n_pending)
        table = {(a, b): [*n] for a, b, *n in zip(*(column.tolist() for column in columns), strict=True)}
        assert table == dict(sorted(counts.items()))
        assert dict(zip(found.open.row.tolist(), found.open.hours_left.tolist(), strict=True)) == pytest.approx(left)
        assert found.open.at_risk.tolist() == [0 <= hours <= 1 for hours in found.open.hours_left]
        assert (np.diff(found.open.hours_left) >= 0).all()
        assert found.n_later == sum(opened > NOW)

    def test_share_interval_and_conclusion(self):
        opened, resolved = ["2024-03-01 09:00"] * 10, ["2024-03-01 10:00"] * 8 + ["2024-03-01 12:00", None]
        found = service_level(opened, resolved, 2, as_of="2024-03-02")
        low, high = proportion_interval(8, 10)
        assert (found.share[0], found.low[0], found.high[0]) == (0.8, low, high)
        assert found.conclusion == (
            "8 of 10 tickets within the target (80.0%, 95 % interval 49.0% to 94.3%). "
            "1 open ticket: 1 overdue, 0 at risk."
        )
        early = service_level(opened, resolved, 200, as_of="2024-03-02")
        assert np.isnan(early.share[0])
        assert early.conclusion.startswith("No target time is over yet.")
        assert early.conclusion.endswith("Not in the share: 10 tickets whose target time is not over.")
        later = service_level([*opened, "2024-03-03"], [*resolved, None], 2, as_of="2024-03-02")
        assert later.conclusion.endswith("0 at risk. Not in the share: 1 ticket opened later.")

    def test_one_ticket_has_an_interval_and_one_of_this_moment_counts(self):
        one = service_level(["2024-03-01"], ["2024-03-02"], 4, as_of="2024-04-01")
        assert (one.low[0], one.high[0]) == proportion_interval(0, 1)
        now = service_level(["2024-03-01"], [None], 4, as_of="2024-03-01")
        assert (now.n_pending.tolist(), now.n_later, now.open.hours_left.tolist()) == ([1], 0, [4])
        assert not len(service_level(["2024-03-01"], ["2024-03-02"], 4, as_of="2024-03-02").open.hours_left)

    def test_two_days_show_how_days_differ(self):
        opened = np.datetime64("2024-02-09T10:00") + np.repeat([0, 24], 2) * np.timedelta64(1, "h")
        resolved = opened + np.array([1, 1, 1, 9]) * np.timedelta64(1, "h")
        found = service_level(opened, resolved, 4, as_of="2024-03-01")
        days = 2 * (0.5**2 + 0.5**2) / (4 * 0.75 * 0.25)  # 2 and 1 tickets within the target, where 1.5 are expected
        wider = stats.t.ppf(0.975, 1) / stats.norm.ppf(0.975)
        assert found.design_effect.tolist() == pytest.approx([days * wider**2])

    def test_tickets_of_one_day_are_late_together(self):
        """Wilson's interval of the tickets over the design effect of days in Kyiv, where 22:30 UTC is the next day."""
        late = {"a": ([0, 0, 1], [1, 1], [0, 1, 0], [0]), "b": ([0], [1], [0, 0], [])}
        rows = [
            (name, np.datetime64("2024-02-09T22:30") + (24 * d + 20 * i // 3) * np.timedelta64(1, "h"), miss)
            for name, days in late.items() for d, day in enumerate(days) for i, miss in enumerate(day)
        ]  # fmt: skip
        opened, missed = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
        office = BusinessHours(hours={"Mon-Sun": "00:00-24:00"}, time_zone="Europe/Kyiv")
        found = service_level(
            opened, opened + np.where(missed, 5, 1) * np.timedelta64(1, "h"), 4, as_of="2024-03-01", level=0.9,
            priority=[row[0] for row in rows], business_hours=office,
        )  # fmt: skip

        def effect(days):
            n, x = sum(map(len, days)), sum(map(sum, days))
            squares = sum((sum(day) - x / n * len(day)) ** 2 for day in days)
            ratio = len(days) / (len(days) - 1) * squares / (x / n * (n - x))
            return max(1, ratio * (stats.t.ppf(0.95, len(days) - 1) / stats.norm.ppf(0.95)) ** 2)

        effects = effect(late["a"]), effect(late["b"][:3])
        both = effect([(*a, *b) for a, b in zip(*late.values(), strict=True)])
        assert found.design_effect.tolist() == pytest.approx(effects)
        assert found.overall_design_effect == pytest.approx(both)
        p, n, z = 5 / 9, 9 / effects[0], stats.norm.ppf(0.95)
        ends = (p + z**2 / 2 / n + np.array([-1, 1]) * z * np.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2)) / (1 + z**2 / n)
        assert (found.low[0], found.high[0]) == pytest.approx(tuple(ends))

    @pytest.mark.slow
    @pytest.mark.parametrize("spread", [0, 0.5, 1])
    @pytest.mark.parametrize(("n_days", "n_each", "share"), [(30, 30, 0.8), (60, 10, 0.95)])
    def test_intervals_hold_the_share_of_all_days(self, n_days, n_each, share, spread):
        """Where log odds of a day vary by 1, Wilson's interval of independent tickets holds it in 61 of 100 worlds."""
        rng, middle = np.random.default_rng(8), np.log(share / (1 - share))
        node, weight = np.polynomial.hermite_e.hermegauss(60)
        truth = weight @ (1 / (1 + np.exp(-middle - spread * node))) / weight.sum()
        held = 0
        for _ in range(500):
            day = np.repeat(np.arange(n_days), rng.poisson(n_each, n_days))
            odds = np.exp(middle + spread * rng.standard_normal(n_days))[day]
            opened = np.datetime64("2024-01-01T12:00") + 24 * day * np.timedelta64(1, "h")
            late = rng.random(len(day)) > odds / (1 + odds)
            found = service_level(opened, opened + np.where(late, 5, 1) * np.timedelta64(1, "h"), 4, as_of="2024-06-01")
            held += found.low[0] <= truth <= found.high[0]
        assert held >= 455  # 93 in 100 or more of all worlds, less the chance of two standard errors

    def test_priorities_may_be_numbers(self):
        found = service_level(
            ["2024-03-01"] * 2, ["2024-03-02"] * 2, {1: 4, 2: 48}, priority=[2, 1], as_of="2024-04-01"
        )
        assert (found.priority.tolist(), found.share.tolist()) == ([1, 2], [0, 1])

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"target_hours": 0}, "target_hours"),
            ({"target_hours": [1, 2, 3]}, "target_hours"),
            ({"target_hours": {"low": 3}}, "target_hours"),
            ({"target_hours": {"all": -3}}, "target_hours"),
            ({"target_hours": {"all": [3, 4]}}, "target_hours"),
            ({"target_hours": {"all": 3, "high": -1}}, "target_hours"),
            ({"resolved": ["2024-02-01", None]}, "resolved"),
            ({"priority": ["low"]}, "priority"),
            ({"priority": ["low", None]}, "priority"),
            ({"as_of": "2024-01-01"}, "opened"),
            ({"business_hours": 9}, "business_hours"),
            ({"at_risk_hours": -1}, "at_risk_hours"),
            ({"level": 95}, "level"),
        ],
    )
    def test_rejections(self, changes, name):
        given_ = {"opened": ["2024-03-01"] * 2, "resolved": [None, None], "target_hours": 4, "as_of": "2024-04-01"}
        with pytest.raises(InputError) as caught:
            service_level(**{**given_, **changes})
        assert caught.value.name == name


class TestTimesInBusinessHours:
    """Hours that an office was open from one moment to another."""

    @given(st.lists(st.tuples(minutes, st.integers(0, 2000)), min_size=1, max_size=5))
    def test_equal_a_walk_minute_by_minute(self, rows):
        start = START + np.array([row[0] for row in rows])
        end = start + np.array([row[1] for row in rows])
        waits = [open_hours(a, b) for a, b in zip(start, end, strict=True)]
        found = resolution_time(start, end, as_of="2024-05-01", business_hours=OFFICE)
        assert (found.mean, found.median) == pytest.approx((np.mean(waits), np.median(waits)))
        replies = response_time(start, end, as_of="2024-05-01", business_hours=OFFICE)
        assert (replies.mean, replies.n_answered) == (found.mean, found.n_resolved)


class TestAgentScores:
    """The best linear prediction of each agent's mean, with the variances of the analysis of variance."""

    @given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), min_size=2, max_size=12))
    @settings(max_examples=15)
    def test_equals_the_mixed_model_equations(self, rows):
        """Integrated over the spread by quadrature, with the likelihood of all answers as one normal vector."""
        agent, score = (np.array(column) for column in zip(*rows, strict=True))
        found = agent_scores(agent, score)
        names = np.unique(agent)
        groups = [score[agent == name] for name in names]
        within = sum(((g - g.mean()) ** 2).sum() for g in groups)
        if len(rows) == len(names) or within == 0:
            return
        within /= len(rows) - len(names)
        means, errors, spread = mixed_over_spreads(groups, within, np.ptp(score) / 2)
        np.testing.assert_allclose(found.shrunk, means, atol=1e-3)  # a grid of 200 spreads
        student = stats.t.ppf(0.975, len(rows) - len(names))  # the variance within agents is an estimate
        np.testing.assert_allclose(found.high - found.shrunk, student * errors, rtol=5e-3)
        assert found.spread == pytest.approx(spread, rel=5e-3)

    def test_one_survey_makes_no_champion(self):
        found = agent_scores(["ann"] * 30 + ["bob"] * 30 + ["cy"], [5, 5, 4] * 10 + [3, 4, 4] * 10 + [5])
        assert found.mean.argmax() == 2
        assert found.shrunk[2] < found.mean[2]
        assert found.best.tolist() == ["ann"]
        assert found.is_below.tolist() == [False, True, False]

    def test_nothing_to_tell_agents_apart(self):
        assert set(agent_scores(["a", "b", "c"], [1, 3, 5]).shrunk.tolist()) == {3.0}
        assert agent_scores(np.repeat([1, 2, 3], 7), np.full(21, 3)).overall == 3  # not 2.9999999999999982
        same = agent_scores(["a", "a", "b"], [4, 4, 4])
        np.testing.assert_allclose(same.shrunk, [4, 4], rtol=1e-12)
        assert same.best.tolist() == []

    @pytest.mark.parametrize(
        ("agent", "score"),
        [
            (["a"], [4]),
            (["a", "a"], [0, 0]),
            (["a"] * 40, [5] * 40),
            (["a", "b"], [3, 3]),
            (["a", "a", "b"], [5, 5, 3]),
        ],
    )
    def test_no_interval_has_width_0(self, agent, score):
        """Also none of answers that differ by rounding alone."""
        for other in (np.array(score), np.array(score) * 0.1 + 0.1 + 0.2):
            found = agent_scores(agent, other)
            assert (found.low < found.shrunk).all()
            assert (found.shrunk < found.high).all()

    @pytest.mark.parametrize("satisfied", [0.7, 0.9, 0.97])
    def test_intervals_of_answers_that_are_mostly_equal(self, satisfied):
        """Of 5 or 4: in up to two thirds of the surveys no agent has two different answers."""
        rng = np.random.default_rng(3)
        agent = np.repeat(["ann", "bob", "cy"], [2, 4, 6])
        found = [agent_scores(agent, np.where(rng.random(12) < satisfied, 5, 4)) for _ in range(80)]
        true = 4 + satisfied
        inside = np.array([(scores.low <= true) & (true <= scores.high) for scores in found])
        assert inside.mean() >= 0.93

    def test_few_answers_name_nobody(self):
        """Three agents who are alike, with two answers each: normal intervals named one in 29 of 300 surveys."""
        named = 0
        for seed in range(60):
            rng = np.random.default_rng(seed)
            n = np.maximum(rng.poisson(2, 3), 1)
            agent = np.repeat(np.arange(3), n)
            found = agent_scores(agent, rng.choice([1, 2, 3, 4, 5], len(agent), p=[0.1, 0.05, 0.1, 0.25, 0.5]))
            named += bool(len(found.best) or found.is_below.any())
        assert named <= 3

    def test_intervals_of_one_answer_each(self):
        rng = np.random.default_rng(4)
        inside = []
        for spread in (0.3, 1.0, 3.0):
            for _ in range(50):
                true = rng.normal(4, spread, 20)
                found = agent_scores(np.arange(20), rng.normal(true, 1))
                inside.append(((found.low <= true) & (true <= found.high)).mean())
        assert np.mean(inside) >= 0.93

    @pytest.mark.slow
    @pytest.mark.parametrize("spread", [0.1, 0.2, 0.4, 1.0])
    def test_intervals_cover_the_true_means(self, spread):
        """An interval with the estimated spread taken as known covers 79 to 92 % where agents are nearly alike."""
        rng, inside, n = np.random.default_rng(5), 0, 0
        for _ in range(60):
            true = rng.normal(4, spread, 30)
            agent = np.repeat(np.arange(30), rng.integers(1, 20, 30))
            found = agent_scores(agent, rng.normal(true[agent], 1))
            inside += int(((found.low <= true) & (true <= found.high)).sum())
            n += 30
        assert 0.91 <= inside / n <= 0.995

    @pytest.mark.parametrize(
        ("agent", "score", "name"),
        [([], [], "agent"), (["a"], [1, 2], "score"), ([None], [1], "agent"), (["a"], [np.nan], "score")],
    )
    def test_rejections(self, agent, score, name):
        with pytest.raises(InputError) as caught:
            agent_scores(agent, score)
        assert caught.value.name == name

    def test_a_number_that_stands_for_no_answer_is_told(self):
        agent = ["ann", "ann", "bob", "bob"]
        with pytest.warns(
            DataWarning, match="`score` has 1 answer of 99, .* from 3 to 5: .*, leave the row out"
        ) as told:
            agent_scores(agent, [4, 5, 3, 99])
        assert told[0].filename == __file__
        agent_scores(agent, [98, 99, 20, 60])  # answers of 0 to 100


DAY = dt.timedelta(days=1)
BEGIN = dt.datetime(2023, 1, 1)
histories = st.lists(
    st.tuples(st.none() | st.integers(1, 500), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 1)), max_size=3)),
    min_size=2,
    max_size=12,
)


class TestWords:
    """What agents' scores say in words, and what a table of targets lacks."""

    def test_agents(self):
        found = agent_scores(["ann"] * 30 + ["bob"] * 30 + ["cy"], [5, 5, 4] * 10 + [3, 4, 4] * 10 + [5])
        assert found.conclusion.endswith("Beyond chance above it: ann; below it: bob.")
        alike = agent_scores(["ann", "bob"] * 9, [4, 4, 5, 5, 4, 4] * 3)
        assert alike.conclusion.endswith("Beyond chance above it: nobody; below it: nobody.")

    @pytest.mark.parametrize(
        ("more", "hint"), [({}, "give `priority`"), ({"priority": ["low"]}, r"\('all', 'low'\) has none")]
    )
    def test_missing_target(self, more, hint):
        with pytest.raises(InputError, match=hint):
            service_level(["2024-03-01"], [None], {"high": 4}, as_of="2024-03-02", **more)


def test_a_pair_of_class_and_priority_comes_before_the_priority():
    """A target that is over at this very moment is at risk, and not overdue."""
    found = service_level(
        ["2024-06-03 10:00"] * 2, [None] * 2, {"high": 4, ("vip", "high"): 2}, as_of="2024-06-03 12:00",
        priority=["high"] * 2, customer_class=["vip", "base"],
    )  # fmt: skip
    assert (found.open.hours_left.tolist(), found.open.at_risk.tolist()) == ([0.0, 2.0], [True, False])


def test_the_best_agent_is_the_one_who_is_surely_good():
    ends = {"mean": [9.0, 8.0], "shrunk": [9.0, 8.0], "low": [6.0, 7.0], "high": [12.0, 9.0]}
    found = AgentScores(agent=["ann", "bob"], n_answers=[2, 50], **ends, overall=5.0, spread=1.0, level=0.95)
    assert found.best.tolist() == ["bob", "ann"]


class TestRetentionByWorstTicket:
    """Kaplan-Meier from the end of the first days on, by the worst ticket within them."""

    @given(histories)
    @example([(30, [(0, 0)]), (31, []), (30, [(0, 0)])])  # two are lost on one day
    @example([(230, [(0, 0)]), (231, [(0, 0)]), (None, [])])  # one is lost at the horizon, one after it
    def test_equals_a_slow_count(self, people):
        words, groups = ("minor", "major"), {}
        for left, tickets_ in people:
            if left is not None and left < 30:
                continue
            worst = max((1 + s for day, s in tickets_ if day < 30), default=0)
            over = left is not None and left <= 400
            groups.setdefault(worst, []).append((left - 30 if over else 370, over))
        customer = np.arange(len(people))
        tickets_ = [(i, BEGIN + DAY * day, words[s]) for i, (_, rows) in enumerate(people) for day, s in rows]
        if not groups or not tickets_:
            return
        found = retention_by_worst_ticket(
            customer,
            [BEGIN] * len(people),
            [None if left is None else BEGIN + left * DAY for left, _ in people],
            *zip(*tickets_, strict=True),
            order=list(words),
            as_of=BEGIN + 400 * DAY,
            landmark_days=30,
            horizon_days=200,
        )
        assert found.worst == tuple(("no ticket", *words)[g] for g in sorted(groups))
        expected = [kaplan_meier_at(groups[g], 200) for g in sorted(groups)]
        np.testing.assert_allclose(found.retained, expected, atol=1e-12)
        assert (found.low <= found.retained).all()
        assert (found.retained <= found.high).all()

    def test_the_test_is_that_of_scipy_for_two_groups(self):
        rng = np.random.default_rng(3)
        left = rng.integers(31, 600, 80)
        bad = np.arange(80) % 2 == 1
        left[bad] = 30 + (left[bad] - 30) // 2
        found = retention_by_worst_ticket(
            np.arange(80),
            [BEGIN] * 80,
            [BEGIN + int(day) * DAY for day in left],
            np.nonzero(bad)[0],
            [BEGIN] * int(bad.sum()),
            ["bad"] * int(bad.sum()),
            order=["bad"],
            as_of=BEGIN + 400 * DAY,
            landmark_days=30,
            horizon_days=370,
        )
        rows = [
            stats.CensoredData(
                uncensored=left[g & (left <= 400)] - 30, right=np.full(int((g & (left > 400)).sum()), 370)
            )
            for g in (~bad, bad)
        ]
        # Fewer than 30 losses are expected of one group, so the exact p-value is given.
        duration = [*np.minimum(left[~bad] - 30, 370), *np.minimum(left[bad] - 30, 370)]
        event = [*(left[~bad] <= 400), *(left[bad] <= 400)]
        exact, least = log_rank_exact(duration, event, [True] * 40 + [False] * 40)
        assert least < 30
        assert found.p_value == pytest.approx(float(exact), rel=1e-9)
        assert found.p_value > stats.logrank(*rows).pvalue
        assert "beyond chance" in found.conclusion

    def test_groups_alike_do_not_differ(self):
        waited, place = np.tile(np.arange(40.0), 2), np.repeat([0, 1], 40)
        assert _log_rank(waited, waited < 35, place, 2) == pytest.approx(1.0)

    @pytest.mark.slow
    def test_few_tickets_do_not_make_a_difference(self):
        """Of 300 customers whose tickets change nothing, a few had one: 15 in 100 tables claimed a difference."""
        rng = np.random.default_rng(6)
        shown = 0
        for _ in range(200):
            left = 31 + rng.exponential(400, 300).astype(int)
            rank = rng.choice(4, 300, p=[0.96, 0.02, 0.01, 0.01])
            bad = np.nonzero(rank)[0]
            found = retention_by_worst_ticket(
                np.arange(300),
                [BEGIN] * 300,
                BEGIN + left * DAY,
                bad,
                [BEGIN] * len(bad),
                np.array(["a", "b", "c"])[rank[bad] - 1],
                order=["a", "b", "c"],
                as_of=BEGIN + 400 * DAY,
                landmark_days=30,
                horizon_days=370,
            )
            shown += found.p_value < 0.05
        assert shown <= 10

    @pytest.mark.parametrize("n_whole", [1, 20])
    @pytest.mark.parametrize("level", [0.8, 0.95])
    def test_where_nobody_was_lost_only_those_watched_to_the_end_count(self, n_whole, level):
        """999 customers who were watched for one more day say nothing of a year: n of n give (1 - level)^(1 / n)."""
        start = [BEGIN] * n_whole + [BEGIN + 369 * DAY] * 999
        n = len(start)
        log = (["ann"], [BEGIN], ["bad"])
        found = retention_by_worst_ticket(
            ["ann", *map(str, range(n))], [BEGIN, *start], [None] * (n + 1), *log,
            order=["bad"], as_of=BEGIN + 400 * DAY, landmark_days=30, horizon_days=365, level=level,
        )  # fmt: skip
        assert found.n_customers.tolist() == [n, 1]
        assert found.retained[0] == found.high[0] == 1
        assert found.low[0] == pytest.approx((1 - level) ** (1 / n_whole), rel=1e-12)

    def test_interval_of_greenwood_where_the_first_was_not_lost(self):
        """No warning where the first to go out of sight was no loss; the ends are those of scipy after that loss."""
        start = [BEGIN + days * DAY for days in (360, 0, 0, 5, 9, 100)]
        lost = [None, BEGIN + 130 * DAY, BEGIN + 80 * DAY, None, BEGIN + 89 * DAY, None]
        found = retention_by_worst_ticket(
            range(7), [*start, BEGIN], [*lost, None], [6], [BEGIN], ["bad"],
            order=["bad"], as_of=BEGIN + 400 * DAY, landmark_days=30, horizon_days=365, level=0.9,
        )  # fmt: skip
        curve = stats.ecdf(stats.CensoredData(uncensored=[100, 50, 50], right=[365, 270])).sf
        ends = curve.confidence_interval(confidence_level=0.9, method="log-log")
        assert found.retained[0] == pytest.approx(float(curve.evaluate(365)), rel=1e-12)
        assert found.low[0] == pytest.approx(float(ends.low.evaluate(365)), rel=1e-12)
        assert found.high[0] == pytest.approx(float(ends.high.evaluate(365)), rel=1e-12)

    def test_where_all_were_lost_only_those_watched_so_long_count(self):
        """The last one leaves after 300 days: 40 could have been seen to stay so long, 60 others could not."""
        start = [BEGIN] * 40 + [BEGIN + 200 * DAY] * 60
        left = [330] * 40 + [40] * 60
        lost = [begin + days * DAY for begin, days in zip(start, left, strict=True)]
        found = retention_by_worst_ticket(
            range(101), [*start, BEGIN], [*lost, None], [100], [BEGIN], ["bad"],
            order=["bad"], as_of=BEGIN + 400 * DAY, landmark_days=30, horizon_days=365,
        )  # fmt: skip
        assert found.retained[0] == found.low[0] == 0
        assert found.high[0] == pytest.approx(1 - 0.05 ** (1 / 40), rel=1e-12)

    def test_nobody_was_watched_so_long(self):
        """A group that nobody of was followed to the end has no share, and the words say so."""
        found = retention_by_worst_ticket(
            ["ann", "bob"],
            [BEGIN, BEGIN + 250 * DAY],
            [None, None],
            ["bob"],
            [BEGIN + 251 * DAY],
            ["bad"],
            order=["bad"],
            as_of=BEGIN + 400 * DAY,
            landmark_days=30,
            horizon_days=300,
        )
        assert np.isnan(found.retained).tolist() == [False, True]
        assert "bad: nobody of 1 watched so long" in found.conclusion
        assert "Left out" not in found.conclusion
        left_out = attrs.evolve(found, n_left_before=2, n_too_new=1)
        assert "Left out: 2 customers who left before, 1 customer who came too late." in left_out.conclusion
        assert "nan" not in found.conclusion

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": [1, 1]}, "customer"),
            ({"lost": ["2022-01-01", None]}, "lost"),
            ({"ticket_customer": [3]}, "ticket_customer"),
            ({"ticket_customer": ["a"]}, "ticket_customer"),
            ({"severity": ["odd"]}, "severity"),
            ({"severity": ["bad", "bad"]}, "severity"),
            ({"order": "bad"}, "order"),
            ({"order": ["bad", "bad"]}, "order"),
            ({"order": ["bad", *(f"worse by {i}" for i in range(100))]}, "order"),  # 10,000 took minutes
            ({"as_of": "2023-01-02"}, "landmark_days"),
            ({"landmark_days": 0}, "landmark_days"),
            ({"horizon_days": 0.5}, "horizon_days"),
        ],
    )
    def test_rejections(self, changes, name):
        given_ = {
            "customer": [1, 2],
            "start": [BEGIN] * 2,
            "lost": [None, None],
            "ticket_customer": [1],
            "ticket_time": [BEGIN],
            "severity": ["bad"],
            "order": ["bad"],
            "as_of": "2024-01-01",
            "landmark_days": 30,
            "horizon_days": 100,
        }
        with pytest.raises(InputError) as caught:
            retention_by_worst_ticket(**{**given_, **changes})
        assert caught.value.name == name
