"""Funnels from a log: against the slow way, by their rules, and in their counts."""

from __future__ import annotations

import datetime as dt
from unittest import mock

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.funnels import (
    EventFunnel,
    Funnel,
    FunnelConversion,
    StageTimes,
    funnel_conversion,
    funnel_from_events,
    time_in_stage,
)
from tests.funnels.references import attempts_of, funnel_counts

EPOCH = np.datetime64("2024-01-01", "us")
DAY = np.timedelta64(1, "D")
FREIREICH = [(t, True) for t in (6, 6, 6, 7, 10, 13, 16, 22, 23)]
FREIREICH += [(t, False) for t in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)]
ORDERS = ["ordered", "strict", "any", "stages"]
REENTRIES = ["first", "best", "every"]


def moment(t):
    return EPOCH + np.timedelta64(round(t * 86_400_000_000), "us")


def run(log, steps, *, as_of=1000.0, **options):
    """Follow rows of (customer, event, day, source)."""
    customer, event, time = ([row[k] for row in log] for k in range(3))
    return funnel_from_events(
        customer, event, np.array([moment(t) for t in time]), steps, as_of=moment(as_of), absent="allow", **options
    )


def log_of(events):
    """One customer, one event a day."""
    return [(1, event, float(t)) for t, event in enumerate(events)]


events = st.sampled_from("abcdx")
times = st.integers(0, 6).map(float) | st.integers(0, 6 * 1024).map(lambda t: t / 1024)  # exact in microseconds
logs = st.lists(st.tuples(st.integers(1, 3), events, times, st.sampled_from(["web", "shop"])), min_size=1, max_size=24)
ends = st.integers(0, 10 * 1024).map(lambda t: t / 1024)
windows = st.none() | st.sampled_from([0.5, 1.0, 2.0, 3.0, 100.0])
disjoint = st.sampled_from([[{"a"}, {"b"}, {"c"}], [{"b"}, {"a"}], [{"a", "d"}, {"b"}, {"c"}], [{"a"}, {"c", "b"}]])
overlapping = st.sampled_from(
    [[{"a"}, {"a"}, {"b"}], [{"a", "b"}, {"b", "c"}], [{"a"}, {"b"}, {"a"}, {"c"}], [{"a", "b"}, {"a"}, {"b", "c"}]]
)
questions = st.tuples(st.sampled_from(ORDERS), disjoint) | st.tuples(st.sampled_from(ORDERS[:2]), overlapping)


def listed(steps):
    return [sorted(step) for step in steps]


class TestFunnelFromEvents:
    """From an entry each step is its earliest event after the step before; entered = converted + lost + open."""

    @pytest.mark.parametrize(
        ("log", "steps", "window", "order", "n_reached"),
        [
            # oracles.md, section 4
            (range(1000, 1009), [1003, 1004, 1005, 1006, 1007], 2, "ordered", 3),
            (range(1000, 1009), [1003, 1004, 1005, 1006, 1007], 3, "ordered", 4),
            (range(1000, 1009), [1003, 1004, 1005, 1006, 1007], 4, "ordered", 5),
            (range(1000, 1009), [1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001], 100, "ordered", 1),
            ("adbc", "abc", None, "ordered", 3),
            ("adbc", "abc", None, "strict", 1),
            ("ccbbaa", "abc", None, "ordered", 1),
            ("ab", "aab", None, "ordered", 1),  # one event never satisfies two steps
            ("aab", "aab", None, "ordered", 3),
            # by hand
            ("abc", "abc", None, "strict", 3),
            ("cab", "abc", None, "any", 3),
            ("cab", "abc", 1, "any", 2),
            ("ac", "abc", None, "stages", 3),
            ("b", "abc", None, "stages", 2),
        ],
    )
    @pytest.mark.parametrize("reentry", REENTRIES)
    def test_known_reaches(self, log, steps, window, order, n_reached, reentry):
        result = run(log_of(log), list(steps), window=window, order=order, reentry=reentry)
        assert max(result.n_reached) == n_reached
        assert result.entered.tolist() == [sum(x > k for x in result.n_reached) for k in range(len(list(steps)))]

    def test_the_best_attempt_goes_further_than_the_first(self):
        log = log_of("aabc")
        assert run(log, list("abc"), order="strict").n_reached.tolist() == [1]
        assert run(log, list("abc"), order="strict", reentry="best").n_reached.tolist() == [3]
        assert run(log, list("abc"), order="strict", reentry="every").n_reached.tolist() == [1, 3]

    @given(
        logs,
        questions,
        windows,
        st.sampled_from(REENTRIES),
        st.booleans(),
        ends,
        st.sampled_from(["steps", "row", "later"]),
        st.sampled_from(["end", "pass"]),
        st.sampled_from(["keep", "drop"]),
    )
    def test_equals_the_slow_way(self, log, question, window, reentry, exclude, as_of, ties, repeats, duplicates):
        order, steps = question
        options = {"window": window, "order": order, "reentry": reentry, "exclude": ["x"] * exclude}
        options |= {"repeats": repeats, "duplicates": duplicates}
        options["ties"] = "steps" if ties == "later" and order in {"any", "stages"} else ties
        n_rows = len(log)
        result = run(log, listed(steps), as_of=as_of, **options)
        expected, n_before = attempts_of(log, steps, as_of=as_of, **options)

        rows = [(customer, attempt) for customer, kept in expected.items() for attempt in kept]
        assert result.customer.tolist() == [customer for customer, _ in rows]
        assert result.n_reached.tolist() == [attempt["n_reached"] for _, attempt in rows]
        assert result.is_lost.tolist() == [attempt["lost"] for _, attempt in rows]
        assert result.is_matured.tolist() == [attempt["matured"] for _, attempt in rows]
        assert [t.tolist() for t in result.ended_at] == [moment(attempt["end"]).tolist() for _, attempt in rows]
        for i, (_, attempt) in enumerate(rows):
            reached = result.step_time[i][~np.isnat(result.step_time[i])]
            assert reached.tolist() == [moment(t).tolist() for t in attempt["times"]]
            if order == "stages":
                assert result.skipped[i].tolist() == attempt["skipped"]
                assert result.n_returns[i].tolist() == attempt["returns"]
        parts = (result.entered, result.converted, result.lost, result.open)
        assert tuple(part.tolist() for part in parts) == funnel_counts(expected, len(steps))
        if duplicates == "drop":
            log = list({row[:3]: row for row in log}.values())
        assert result.n_duplicates == n_rows - len(log)
        known = [row for row in log if row[2] <= as_of]
        assert result.n_later == len(log) - len(known)
        assert result.n_customers == len({row[0] for row in known})
        assert result.n_without_entry == result.n_customers - len(expected)
        assert result.n_before_entry == n_before
        named = set().union(*steps, {"x"} if exclude else set())
        assert result.n_other == sum(row[1] not in named for row in known)

    @given(logs, questions, windows, st.sampled_from(REENTRIES), ends, st.sampled_from(["entry", "last"]))
    def test_every_attempt_is_in_one_place_and_one_group(self, log, question, window, reentry, as_of, belongs_to):
        order, steps = question
        options = {"as_of": as_of, "window": window, "order": order, "reentry": reentry}
        whole = run(log, listed(steps), **options)
        by = run(log, listed(steps), **options, by=[row[3] for row in log], belongs_to=belongs_to)
        for result in (whole, by):
            assert (result.entered == result.converted + result.lost + result.open).all()
            assert (result.matured <= result.entered).all()
        for name in ("entered", "converted", "lost", "open", "matured"):
            assert getattr(by, name).sum(axis=0).tolist() == getattr(whole, name).tolist()
        assert len(whole) == len(by) == whole.entered[0]

    @given(logs, disjoint, windows, ends, st.booleans(), st.sampled_from(["entry", "last"]))
    def test_first_attempts_are_those_of_the_sorted_log(self, log, steps, window, as_of, exclude, belongs_to):
        """Two ways lead to the first attempts in order; with groups they agree to the last field."""
        options = {"window": window, "as_of": as_of, "exclude": ["x"] * exclude, "belongs_to": belongs_to}
        options["by"] = [row[3] for row in log]
        short = run(log, listed(steps), **options)
        with mock.patch("crmvalue._funnels.events.takes_first_in_order", return_value=False):
            assert run(log, listed(steps), **options) == short

    @pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns", "7D"])
    @pytest.mark.parametrize("order", [">", "<"])
    def test_units_of_time_do_not_matter(self, unit, order):
        days = np.array(["1969-12-18", "1969-12-25", "1970-01-15", "1970-01-22"], dtype="M8[D]")
        time = days.astype(f"{order}M8[{unit}]")
        result = funnel_from_events([1, 1, 2, 2], ["a", "b"] * 2, time, ["a", "b"], as_of="1970-02-19", window=7)
        assert result.step_time.astype("M8[D]").ravel().tolist() == time.astype("M8[D]").tolist()
        assert result.n_reached.tolist() == [2, 2]

    @given(logs, questions, windows, st.sampled_from(REENTRIES), st.randoms(), st.sampled_from(["entry", "last"]))
    def test_order_of_rows_does_not_matter(self, log, question, window, reentry, random, belongs_to):
        order, steps = question
        options = {"window": window, "order": order, "reentry": reentry, "exclude": ["x"], "belongs_to": belongs_to}
        mixed = random.sample(log, len(log))
        one = run(log, listed(steps), **options, by=[row[3] for row in log])
        assert one == run(mixed, listed(steps), **options, by=[row[3] for row in mixed])

    @given(logs, questions, windows, st.sampled_from(REENTRIES))
    def test_names_of_customers_do_not_matter(self, log, question, window, reentry):
        order, steps = question
        options = {"window": window, "order": order, "reentry": reentry}
        other = [(f"customer {10**6 - row[0]}", *row[1:]) for row in log]
        one, two = run(log, listed(steps), **options), run(other, listed(steps), **options)
        assert one.entered.tolist() == two.entered.tolist()
        assert sorted(one.n_reached.tolist()) == sorted(two.n_reached.tolist())

    @given(logs, questions, st.sampled_from([0.5, 1.0, 2.0]), st.floats(1, 4), st.sampled_from(["first", "best"]))
    def test_a_wider_window_never_lowers_a_level(self, log, question, window, times_as_wide, reentry):
        order, steps = question
        options = {"order": order, "reentry": reentry, "exclude": ["x"]}
        narrow = run(log, listed(steps), window=window, **options)
        wide = run(log, listed(steps), window=window * times_as_wide, **options)
        assert (wide.n_reached >= narrow.n_reached).all()
        assert (run(log, listed(steps), **options).n_reached >= wide.n_reached).all()

    @given(logs, disjoint, windows)
    def test_looser_orders_reach_no_less(self, log, steps, window):
        levels = [run(log, listed(steps), window=window, order=order, reentry="best").entered for order in ORDERS]
        ordered, strict, unordered, stages = levels
        assert (strict <= ordered).all()
        assert (ordered <= unordered).all()
        assert (ordered <= stages).all()

    @given(logs, questions, windows, st.sampled_from(REENTRIES))
    def test_wide_columns_sort_alike(self, log, question, window, reentry):
        """Customers and microseconds far apart leave no room for one key: the sort by columns gives the same."""
        order, steps = question
        options = {"window": window, "order": order, "reentry": reentry}
        far = [(9, "b", -400_000.0 - 1e-9), *[(c, e, t + 0.000_001) for c, e, t, _ in log]]
        near = [(9, "b", -1.0), *[(c, e, t + 0.000_001) for c, e, t, _ in log]]
        crowd = [(10 + c, "z", 2_000_000.0) for c in range(2**12)]
        one = run(far + crowd, listed(steps), **options)
        two = run(near, listed(steps), **options)
        assert one.n_reached[one.customer < 9].tolist() == two.n_reached[two.customer < 9].tolist()

    def test_whose_a_prospect_is(self):
        log = [(1, "a", 0.0, "web"), (1, "z", 1.0, "ad"), (1, "b", 2.0, "shop"), (2, "a", 0.0, "shop")]
        by = [row[3] for row in log]
        at_entry = run(log, ["a", "b"], by=by)
        assert at_entry.groups == ("shop", "web")  # nobody entered by the ad
        assert at_entry.entered.tolist() == [[1, 0], [1, 1]]
        at_last = run(log, ["a", "b"], by=by, belongs_to="last")
        assert (at_last.groups, at_last.entered.tolist()) == (("shop",), [[2, 1]])

    def test_young_prospects_are_open_and_not_lost(self):
        log = [(1, "a", 0.0), (2, "a", 8.0), (2, "b", 9.0), (3, "a", 9.0)]
        result = run(log, ["a", "b"], window=5, as_of=10)
        assert (result.lost.tolist(), result.open.tolist()) == ([1, 0], [1, 0])
        assert result.step_conversion.tolist() == [0.0]  # only the first had its five days
        assert result.naive_step_conversion.tolist() == [1 / 3]
        assert result.overall_conversion == 0.0
        assert result.naive_overall_conversion == 1 / 3
        assert "1 reached b, 1 is lost, 1 still open" in result.conclusion
        at_end = run(log, ["a", "b"], window=5, as_of=13)
        assert (at_end.lost.tolist(), at_end.open.tolist()) == ([1, 0], [1, 0])
        assert run(log, ["a", "b"], window=5, as_of=14).lost.tolist() == [2, 0]  # both ends in: nothing can follow

    def test_without_a_window_conversion_is_unknown(self):
        result = run([(1, "a", 0.0), (1, "b", 1.0)], ["a", "b"])
        assert np.isnan(result.step_conversion).all()
        assert np.isnan(result.overall_conversion)
        assert "is not known" in result.conclusion

    @pytest.mark.parametrize("steps", [5, None, {"a", "b"}, b"ab", "ab"])
    def test_steps_that_are_no_list(self, steps):
        with pytest.raises(InputError, match="`steps` must be a Funnel, a list of events or a mapping"):
            run(log_of("ab"), steps)

    def test_steps_in_an_array(self):
        assert run(log_of("ab"), np.array(["a", "b"])) == run(log_of("ab"), ["a", "b"])
        with pytest.raises(InputError, match="`steps` must be 2 to 100; got 1"):
            run(log_of("ab"), np.array("a"))

    def test_the_conclusion_tells_the_weakest_step_of_the_matured(self):
        log = [(c, "a", 0.0) for c in range(10)] + [(c, "b", 0.5) for c in range(6)] + [(c, "c", 1.0) for c in range(3)]
        result = run(log, ["a", "b", "c"], window=2, as_of=10)
        assert "Of the 10 attempts whose window is over, 30.0% converted" in result.conclusion
        assert "the weakest step is b to c (50.0%)" in result.conclusion
        young = run(log, ["a", "b", "c"], window=2, as_of=1.5)
        assert young.conclusion.endswith("No window is over yet, so the final conversion is not known.")

    def test_equal_steps_are_equally_weak(self):
        log = [(c, word, 0.1 * k) for k, word in enumerate("abcd") for c in range(8 >> k)]
        result = run(log, list("abcd"), window=2, as_of=10)
        assert result.conclusion.endswith("the weakest step is a to b (50.0%; 2 more are equal).")
        assert result._parts().title == "The weakest step: 50 % go on from a to b; 2 more are equal"
        table = funnel_conversion([8, 4, 2, 2])
        assert "stage 1 to stage 2: 4 of 8 (50.0%; 1 more is equal)" in table.conclusion
        assert table._parts().title == "The weakest step: 50 % go on from stage 1 to stage 2; 1 more is equal"

    def test_no_step_is_the_weakest_where_nobody_was_lost(self):
        log = [(c, word, 0.1 * k) for c in range(1200) for k, word in enumerate("ab")]
        result = run(log, ["a", "b"], window=2, as_of=10)
        assert "1,200 reached b, 0 are lost, 0 still open." in result.conclusion
        assert result.conclusion.endswith(
            "All 1,200 attempts whose window is over converted: none was lost at any step."
        )
        assert result._parts().title == "All 1,200 attempts whose window is over converted"
        one = run(log[:2], ["a", "b"], window=2, as_of=10)
        assert one._parts().title == "The 1 attempt whose window is over converted"
        assert one.conclusion.endswith("The 1 attempt whose window is over converted: none was lost at any step.")

    def test_a_step_that_all_passed_is_not_the_weakest(self):
        log = [(1, "a", 0.0), (1, "b", 1.0), (1, "c", 1.5), (2, "a", 0.0), (2, "b", 1.0)]
        result = run(log, ["a", "b", "c"], window=2, as_of=10)
        assert result.conclusion.endswith("50.0% converted; the weakest step is b to c (50.0%).")

    def test_who_converted_is_not_lost(self):
        result = run([(1, "a", 0.0), (1, "b", 1.0)], ["a", "b"])
        with pytest.raises(InputError, match="`is_lost` must be False where the last stage was reached"):
            attrs.evolve(result, is_lost=[True])

    def test_no_duplicates_unless_said(self):
        result = run([(1, "a", 0.0), (1, "b", 1.0)], ["a", "b"])
        fields = {field.name: getattr(result, field.name) for field in attrs.fields(type(result))}
        del fields["n_duplicates"]
        assert type(result)(**fields) == result

    def test_a_group_must_be_known_where_it_is_read(self):
        log = [(1, "a", 0.0), (1, "b", 1.0)]
        with pytest.raises(InputError, match="known at the entry of every attempt"):
            run(log, ["a", "b"], by=[None, "x"])
        with pytest.raises(InputError, match="known at the last step of every attempt"):
            run(log, ["a", "b"], by=["x", None], belongs_to="last")

    def test_groups_are_needed_only_where_they_are_read(self):
        log = [(1, "a", 0.0), (1, "b", 1.0), (2, "a", 0.0), (2, "b", 0.0), (2, "b", 0.0)]
        for missing in (None, np.nan):
            by = run(log, ["a", "b"], by=["x", missing, "y", missing, missing])
            assert (by.groups, by.entered.tolist()) == (("x", "y"), [[1, 1], [1, 1]])
        last = run(log, ["a", "b"], by=[None, "x", None, None, "y"], belongs_to="last")
        assert last.entered.tolist() == [[1, 1], [1, 1]]  # of events at one moment the known value

    def test_one_group_alone(self):
        log = [(1, "a", 0.0), (1, "b", 1.0), (2, "a", 0.0), (3, "a", 0.5), (3, "b", 9.0)]
        by = run(log, ["a", "b"], by=["x", "x", "y", "x", "x"], window=5, as_of=20)
        alone = by.of_group("x")
        assert (alone.customer.tolist(), alone.n_customers, alone.groups) == ([1, 3], 2, None)
        assert alone.entered.tolist() == by.entered[0].tolist()
        assert time_in_stage(alone, prob=[0.5]).time_to_convert.tolist() == [1.0]
        with pytest.raises(InputError, match="`group`"):
            by.of_group("z")

    def test_an_excluded_event_ends_an_attempt(self):
        log = log_of("axbab")
        assert run(log, ["a", "b"], exclude=["x"]).n_reached.tolist() == [1]
        assert run(log, ["a", "b"], exclude=["x"]).is_lost.tolist() == [True]
        assert run(log, ["a", "b"], exclude=["x"], reentry="every").n_reached.tolist() == [1, 2]

    def test_ties(self):
        log = [(1, "b", 0.0), (1, "a", 0.0)]
        assert run(log, ["a", "b"]).n_reached.tolist() == [2]
        assert run(log, ["a", "b"], ties="row").n_reached.tolist() == [1]
        with pytest.raises(InputError, match="time"):
            run(log, ["a", "b"], ties="error")
        assert run([(1, "b", 0.0), (2, "a", 0.0)], ["a", "b"], ties="error").n_reached.tolist() == [1]

    @pytest.mark.parametrize(
        ("seen", "steps", "ends", "passes"),
        [
            ("aab", "ab", 1, 2),  # a double page view
            ("aabbc", "abc", 1, 3),
            ("abac", "abc", 2, 3),  # back to the first page
            ("axb", "ab", 1, 1),  # another event ends it all the same
            ("acb", "abc", 1, 1),  # and so does a later step
            ("aab", "aab", 3, 3),  # a repeat that is the next step is the next step
            ("aaab", "aab", 2, 3),
        ],
    )
    def test_repeats_in_strict_order(self, seen, steps, ends, passes):
        log, options = log_of(seen), {"order": "strict", "reentry": "every"}
        assert run(log, list(steps), **options).n_reached.tolist()[0] == ends
        assert run(log, list(steps), **options, repeats="pass").n_reached.tolist()[0] == passes
        loose = run(log, list(steps)).n_reached.tolist()
        assert run(log, list(steps), repeats="pass").n_reached.tolist() == loose

    @pytest.mark.parametrize("reentry", REENTRIES)
    @pytest.mark.parametrize(
        ("seen", "n_reached"), [("b", 1), ("bb", 2), ("bc", 2), ("cb", 1), ("ab", 2), ("ac", 2), ("ca", 1), ("cbxb", 2)]
    )
    def test_one_event_of_several_steps(self, seen, n_reached, reentry):
        """An event that satisfies two steps satisfies one of them at a time."""
        found = run(log_of(seen), [["a", "b"], ["b", "c"]], reentry=reentry)
        assert max(found.n_reached) == n_reached
        first = min(seen.find(entry) for entry in "ab" if entry in seen)
        assert found.step_time[0, 0] == moment(first)

    def test_one_signal_that_opens_several_stages(self):
        """Signals b, e and then a, b, c: stages 1 and 2 open at once, then 3 to 5; the later ones are returns."""
        log = log_of("bbeabc")
        found = run(log[:3], list("abcde"), order="stages")
        assert found.n_reached.tolist() == [5]
        assert found.step_time[0].tolist() == [moment(t).tolist() for t in (0, 0, 2, 2, 2)]
        assert found.skipped.tolist() == [[True, False, True, True, False]]
        assert found.n_returns.tolist() == [[0, 0, 0, 0, 0]]
        found = run(log_of("cbdacb"), list("abcde"), order="stages")
        assert found.skipped.tolist() == [[True, True, False, False, False]]
        assert found.n_returns.tolist() == [[1, 2, 1, 0, 0]]
        assert (found.entered.tolist(), found.n_before_entry) == ([1, 1, 1, 1, 0], 0)

    def test_steps_strictly_later(self):
        log = [(1, "a", 0.0), (1, "b", 0.0), (1, "b", 2.0), (1, "c", 2.0), (2, "a", 1.0), (2, "b", 1.0), (3, "b", 1.5)]
        found = run(log, list("abc"), ties="later")
        assert found.n_reached.tolist() == [2, 1]
        assert found.step_time[0, 1] == moment(2)
        assert run(log, list("abc")).n_reached.tolist() == [3, 2]
        strict = run(log, list("abc"), ties="later", order="strict")
        assert (strict.n_reached.tolist(), strict.is_lost.tolist()) == ([1, 1], [True, True])

    def test_exact_duplicates(self):
        log = [(1, "a", 0.0), (1, "a", 0.0), (1, "b", 1.0), (1, "b", 1.0), (1, "b", 1.0)]
        assert run(log, ["a", "a", "b"]).n_reached.tolist() == [3]
        found = run(log, ["a", "a", "b"], duplicates="drop")
        assert (found.n_reached.tolist(), found.n_duplicates) == ([1], 3)
        assert "3 rows say the same as an earlier row" in found.conclusion
        assert run(log, ["a", "b"], order="strict").n_reached.tolist() == [1]
        assert run(log, ["a", "b"], order="strict", duplicates="drop", ties="error").n_reached.tolist() == [2]
        apart = run(log, ["a", "a", "b"], duplicates="drop", by=["web", "shop", "web", "web", "web"])
        assert (apart.n_reached.tolist(), apart.n_duplicates) == ([3], 2)

    def test_signals_of_stages(self):
        """Skips and returns, as an account manager would count them."""
        stages = {"interest": ["click", "subscribe"], "desire": ["price list", "demo"], "action": ["call"]}
        result = run(log_of(["click", "call"]), stages, order="stages")
        assert result.stages == ("interest", "desire", "action")
        assert result.skipped.tolist() == [[False, True, False]]
        result = run(log_of(["demo", "click", "subscribe", "demo", "call", "click"]), stages, order="stages")
        assert result.skipped.tolist() == [[True, False, False]]
        assert result.n_returns.tolist() == [[2, 0, 0]]

    def test_takes_what_people_have(self):
        columns = {"customer": ["u", "u"], "event": ["lead", "deal"], "time": ["2024-01-01", "2024-01-03"]}
        rest = {"steps": Funnel(["lead", "deal"]), "as_of": dt.date(2024, 2, 1), "window": dt.timedelta(days=2)}
        one = funnel_from_events(**columns, **rest)
        assert one.n_reached.tolist() == [2]
        assert one.window == 2
        frame = pd.DataFrame(columns).assign(time=lambda table: pd.to_datetime(table["time"]))
        table = pl.DataFrame(columns)
        for made in (frame, table):
            assert funnel_from_events(made["customer"], made["event"], made["time"], **rest) == one
        assert funnel_from_events(**columns, **{**rest, "window": np.timedelta64(48, "h")}) == one

    def test_no_entry_at_all(self):
        result = run(log_of("bb"), ["a", "b"], reentry="every")
        assert (result.n_without_entry, result.n_before_entry, len(result)) == (1, 0, 0)

    def test_intervals_of_the_matured(self):
        log = [(c, "a", 0.0) for c in range(20)] + [(c, "b", 1.0) for c in range(5)] + [(99, "a", 9.5)]
        made = run(log, ["a", "b"], window=2, as_of=10).funnel_conversion(level=0.9)
        assert made.counts.tolist() == [20, 5]
        assert made.level == 0.9
        by = run(log, ["a", "b"], window=2, as_of=10, by=[row[0] % 2 for row in log])
        with pytest.raises(InputError, match=r"`window`.*got None"):
            run([(1, "a", 0.0)], ["a", "b"]).funnel_conversion()
        young = run(log, ["a", "b"], window=2, as_of=10, by=["new" if row[0] == 99 else "old" for row in log])
        assert young.funnel_conversion(level=0.9).overall_interval.low[1] == made.overall_interval.low
        with pytest.raises(InputError, match=r"`window` must be over by `as_of` for at least one attempt; got 30"):
            run(log, ["a", "b"], window=30, as_of=10, by=[row[0] % 2 for row in log]).funnel_conversion()
        assert by.funnel_conversion().groups == ("0", "1")
        assert by.funnel_conversion().n_independent is None  # one attempt each

    def test_a_group_without_matured_attempts_stops_no_other(self):
        """Groups "new" and "newer" have open attempts alone; customer 1 of "old" has two attempts."""
        log = [(1, "a", 0.0), (1, "b", 1.0), (1, "a", 2.0), (2, "a", 0.0), (8, "a", 9.5), (9, "a", 9.5)]
        groups = ["new", "newer"]
        by = [groups[row[0] - 8] if row[0] > 7 else "old" for row in log]
        made = run(log, ["a", "b"], window=2, as_of=10, reentry="every", by=by).funnel_conversion()
        alone = run(log[:4], ["a", "b"], window=2, as_of=10, reentry="every").funnel_conversion()
        assert made.counts.tolist() == [[0, 0], [0, 0], [3, 1]]
        assert made.n_independent.tolist() == [[0, 0], [0, 0], [1, 1]]
        assert np.isnan(made.step_conversion).ravel().tolist() == [True, True, False]
        ends = [*made.step_interval, *made.overall_interval]
        for end, one in zip(ends, [*alone.step_interval, *alone.overall_interval], strict=True):
            assert np.isnan(end[:2]).all()
            assert end[2] == one
        assert "2 groups have no attempt to count yet." in made.conclusion.splitlines()
        assert made.conclusion.startswith("old: 1 of 3 reached b")
        assert "nan" not in made.conclusion
        assert made.weakest_step == (None, None, ("a", "b"))
        assert FunnelConversion.from_json(made.to_json()) == made
        assert made.to_columns()["n_reached"].tolist() == [0, 0, 0, 0, 3, 1]
        assert made.plot_data()["step"].tolist() == ["new: to b", "newer: to b", "old: to b"]

    def test_attempts_of_one_customer_count_as_kish_says(self):
        """Weights 3, 1 and 1 are 25 / 11 customers at the first stage; 3 and 1 are 16 / 10 at the second."""
        log = [(1, "a", t) for t in (0.0, 5.0, 9.0)] + [(1, "b", t) for t in (1.0, 6.0, 9.5)]
        log += [(2, "a", 0.0), (3, "a", 0.0), (3, "b", 1.0)]
        made = run(log, ["a", "b"], window=2, reentry="every").funnel_conversion()
        assert made.counts.tolist() == [5, 4]
        assert made.n_independent.tolist() == [2, 1]
        assert made.independent_steps[0].tolist() == [2]  # 0.8 of 2, rounded
        low, high = made.step_interval
        assert low[0] < 0.35
        assert high[0] == 1
        assert "Attempts of one customer are alike, so intervals and tests count fewer prospects." in made.conclusion
        by = run(log, ["a", "b"], window=2, reentry="every", by=["x" if row[0] == 1 else "y" for row in log])
        assert by.funnel_conversion().n_independent.tolist() == [[1, 1], [2, 1]]
        with pytest.raises(InputError, match="n_independent"):
            attrs.evolve(made, n_independent=[6, 1])
        with pytest.raises(InputError, match="n_independent"):
            attrs.evolve(made, n_independent=[1])

    def test_intervals_of_repeated_attempts_hold_the_truth(self):
        """Customers with a rate of their own and about ten attempts each: taken as independent, 46 of 100 held it."""
        held = 0
        for seed in range(100):
            rng = np.random.default_rng(seed)
            rate, n = rng.beta(0.3, 0.7, 60), 1 + rng.geometric(0.1, 60)
            customer, day = np.repeat(np.arange(60), n), 3.0 * np.concatenate([np.arange(k) for k in n])
            won = rng.random(len(customer)) < rate[customer]
            time = EPOCH + (day * 1440).astype("timedelta64[m]")
            found = funnel_from_events(
                np.append(customer, customer[won]),
                np.append(np.full(len(customer), "a"), np.full(won.sum(), "b")),
                np.append(time, time[won] + np.timedelta64(60, "m")),
                ["a", "b"],
                as_of="2026-01-01",
                window=1,
                reentry="every",
            )
            low, high = found.funnel_conversion().overall_interval
            held += low <= 0.3 <= high
        assert held >= 90

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"steps": ["laed", "deal"]}, "steps"),
            ({"steps": ["lead"]}, "steps"),
            ({"steps": "lead"}, "steps"),
            ({"steps": [1.5, "deal"]}, "steps"),
            ({"steps": [[], "deal"]}, "steps"),
            ({"steps": {"one": "lead", "": "deal"}}, "steps"),
            ({"steps": ["lead", "lead"], "order": "any"}, "steps"),
            ({"exclude": ["lead"]}, "exclude"),
            ({"exclude": ["refund"]}, "exclude"),
            ({"exclude": 1.5}, "exclude"),
            ({"window": 0}, "window"),
            ({"window": 1e7}, "window"),
            ({"window": "30"}, "window"),
            ({"window": dt.timedelta(0)}, "window"),
            ({"order": "free"}, "order"),
            ({"reentry": "last"}, "reentry"),
            ({"ties": "first"}, "ties"),
            ({"ties": "later", "order": "any"}, "ties"),
            ({"ties": "later", "order": "stages"}, "ties"),
            ({"repeats": "count"}, "repeats"),
            ({"duplicates": "raise"}, "duplicates"),
            ({"belongs_to": "first"}, "belongs_to"),
            ({"absent": "ignore"}, "absent"),
            ({"customer": [], "event": [], "time": [], "absent": "allow"}, "customer"),
            ({"by": ["x"]}, "by"),
            ({"by": [None, "x"]}, "by"),
            ({"by": ["x", None], "belongs_to": "last"}, "by"),
            ({"by": [["x", "y"]] * 2}, "by"),
            ({"event": ["lead"]}, "event"),
            ({"event": ["lead", None]}, "event"),
            ({"time": ["2024-01-01", None]}, "time"),
        ],
    )
    def test_rejections(self, changes, name):
        valid = {"customer": [1, 1], "event": ["lead", "deal"], "time": ["2024-01-01", "2024-01-02"]}
        with pytest.raises(InputError) as caught:
            funnel_from_events(**{**valid, "steps": ["lead", "deal"], "as_of": "2024-02-01", **changes})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        "steps",
        [
            [f"step {k}" for k in range(70_000)],
            ["lead"] * 70_000,
            {f"stage {k}": "lead" for k in range(70_000)},
            np.arange(70_000),
            Funnel([f"stage {k}" for k in range(70_000)]),
            range(101),
        ],
    )
    def test_too_many_steps_are_refused_before_they_are_read(self, steps):
        unread = mock.patch("crmvalue._funnels.steps._events", side_effect=AssertionError("read before it was counted"))
        with unread, pytest.raises(InputError, match=r"`steps` must be 2 to 100"):
            funnel_from_events([1], ["lead"], ["2024-01-01"], steps, as_of="2024-02-01", absent="allow")

    def test_many_events_a_step(self):
        """Each of many events is looked up once, whatever their number; kinds beyond 16 bits are refused."""
        many = [f"event {k}" for k in range(50_000)]
        log = {"customer": [1, 1], "event": ["event 7", "deal"], "time": ["2024-01-01", "2024-01-02"]}
        rest = {"as_of": "2024-02-01", "absent": "allow"}
        found = funnel_from_events(**log, steps=[many, "deal"], exclude=[f"not {name}" for name in many], **rest)
        assert found.n_reached.tolist() == [2]
        kinds = [[name for k, name in enumerate(many) if k >> bit & 1] for bit in range(16)]
        with pytest.raises(InputError, match="kinds of events"):
            funnel_from_events(**log, steps=kinds, **rest)

    def test_a_misspelt_step_gets_a_hint(self):
        with pytest.raises(InputError, match="'lead'"):
            funnel_from_events([1], ["lead"], ["2024-01-01"], ["laed", "deal"], as_of="2024-02-01")

    def test_many_windows_at_once(self):
        """A million events in a moment, and an attempt for each of many entries."""
        n = 200_000
        rng = np.random.default_rng(1)
        time = moment(0) + rng.integers(0, 30 * 86400, n) * np.timedelta64(1, "s")
        result = funnel_from_events(
            rng.integers(0, 5000, n),
            rng.integers(0, 5, n),
            time,
            [0, 1, 2],
            as_of=moment(30),
            window=2,
            reentry="every",
        )
        assert (result.entered == result.converted + result.lost + result.open).all()
        spent = result.step_time[:, -1] - result.step_time[:, 0]
        assert (spent[~np.isnat(spent)] <= 2 * DAY).all()


class TestEventFunnel:
    """A frozen value whose columns go together."""

    RESULT = run(log_of("ab"), ["a", "b"])

    @pytest.mark.parametrize(
        "changes",
        [{"n_reached": [1, 2]}, {"n_reached": [3]}, {"step_time": np.zeros((1, 3), "M8[us]")}, {"groups": ("x",)}],
    )
    def test_rejections(self, changes):
        with pytest.raises(InputError):
            attrs.evolve(self.RESULT, **{k: np.array(v) if k != "groups" else v for k, v in changes.items()})

    @pytest.mark.parametrize("wrong", [-1, 1.5, np.nan, "one", [1, 2]])
    @pytest.mark.parametrize("name", ["n_customers", "n_later", "n_duplicates", "window", "as_of"])
    def test_numbers_are_checked(self, name, wrong):
        if (name, wrong) == ("window", 1.5):
            return
        with pytest.raises(InputError) as caught:
            attrs.evolve(self.RESULT, **{name: wrong})
        assert caught.value.name == name

    def test_is_read_only(self):
        assert isinstance(self.RESULT, EventFunnel)
        with pytest.raises(ValueError, match="read-only"):
            self.RESULT.n_reached[0] = 1


class TestTimeInStage:
    """Kaplan-Meier quantiles: the first time by which so large a share has moved on."""

    def test_no_shares(self):
        result = run([(1, "a", 0.0), (1, "b", 1.0)], ["a", "b"])
        with pytest.raises(InputError, match="at least one probability"):
            time_in_stage(result, prob=[])
        with pytest.raises(InputError, match=r"different probabilities; got 0\.5 at index 2"):
            time_in_stage(result, prob=[0.5, 0.2, 0.5])
        empty = {"prob": [], "time_in_stage": np.zeros((1, 0)), "time_to_convert": []}
        with pytest.raises(InputError, match="at least one probability"):
            attrs.evolve(time_in_stage(result), **empty)

    @pytest.mark.parametrize("order", ["ordered", "strict", "any", "stages"])
    def test_parts_of_a_day_and_no_time_at_all(self, order):
        log = [(1, "a", 0.0), (1, "b", 0.25), (2, "a", 0.0), (2, "b", 0.0), (2, "c", 0.0)]
        times = time_in_stage(run(log, ["a", "b", "c"], order=order), prob=[0.5, 0.75])
        assert times.time_in_stage.tolist() == [[0.0, 0.25], [0.0, np.inf]]
        assert times.time_to_convert.tolist() == [0.0, np.inf]

    def test_a_skipped_stage_takes_no_time(self):
        log = [(1, "a", 0.0), (1, "c", 3.0), (2, "a", 0.0), (2, "b", 1.0), (2, "c", 3.0)]
        times = time_in_stage(run(log, ["a", "b", "c"], order="stages"), prob=[0.5, 0.75])
        assert times.time_in_stage.tolist() == [[1.0, 3.0], [0.0, 2.0]]

    def test_the_picture_says_that_nobody_entered(self):
        times = time_in_stage(run([(1, "b", 0.0)], ["a", "b"]))
        assert times._parts().title == "No attempt has entered the funnel"

    def test_freireich(self):
        """6-MP, oracles.md: survival .8571 .8067 .7529 .6902 .6275 .5378 .4482 at 6, 7, 10, 13, 16, 22, 23."""
        log = []
        for customer, (t, over) in enumerate(FREIREICH):
            log += [(customer, "a", 0.0), (customer, "b" if over else "x", float(t))]
        result = run(log, ["a", "b"], exclude=["x"])
        probs = [0.14, 0.15, 0.2, 0.3, 0.37, 0.4, 0.5, 0.56]
        times = time_in_stage(result, prob=probs)
        assert times.time_in_stage.tolist() == [[6, 7, 10, 13, 16, 22, 23, np.inf]]
        assert times.time_to_convert.tolist() == times.time_in_stage[0].tolist()
        assert (times.n_moved_on.tolist(), times.n_censored.tolist()) == ([9], [12])

    @given(st.lists(st.floats(0, 100).map(lambda t: round(t, 3)), min_size=1, max_size=30), st.floats(0.01, 0.99))
    def test_without_censoring_it_is_the_plain_quantile(self, waits, prob):
        log = [row for c, wait in enumerate(waits) for row in ((c, "a", 0.0), (c, "b", wait))]
        made = float(time_in_stage(run(log, ["a", "b"]), prob=[prob]).time_in_stage[0, 0])
        assert made == pytest.approx(np.quantile(waits, prob, method="inverted_cdf"), abs=1e-9)

    def test_open_prospects_count(self):
        """Of three one moved on after a day, two still wait: the median is not known, nor is it a day."""
        log = [(1, "a", 0.0), (1, "b", 1.0), (2, "a", 0.0), (3, "a", 0.0)]
        assert time_in_stage(run(log, ["a", "b"], as_of=5), prob=[0.3, 0.5]).time_in_stage.tolist() == [[1.0, np.inf]]

    def test_nobody_moved_on(self):
        times = time_in_stage(run(log_of("a"), ["a", "b", "c"]))
        assert times.to_columns()["step"].tolist() == ["a to b", "b to c", "entry to conversion"]
        assert isinstance(times, StageTimes)
        assert np.isinf(times.time_in_stage).all()
        assert times.n_censored.tolist() == [1, 0]

    @pytest.mark.parametrize("prob", [[0.0], [1.0], [np.nan], 0.5])
    def test_rejects_probabilities(self, prob):
        with pytest.raises(InputError, match="prob"):
            time_in_stage(TestEventFunnel.RESULT, prob=prob)

    def test_rejects_other_values(self):
        with pytest.raises(InputError, match="result"):
            time_in_stage([1, 2])
