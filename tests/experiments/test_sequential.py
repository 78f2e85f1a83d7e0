"""Sequential tests: exact for conversions, asymptotic for means, however often one looks."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crmvalue._experiments import sequential
from crmvalue._experiments.sequential import _profile
from crmvalue.errors import InputError
from crmvalue.experiments import (
    SequentialMeans,
    SequentialTest,
    compare_means,
    sequential_test,
    sequential_test_from_stream,
    sequential_test_means,
)
from tests.experiments.references import log_evidence, profile

STREAM = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda rows: len({arm for arm, _ in rows}) == 2
)


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return caught.value


def alarms(rates, n, share, runs, seed, **options):
    """Share of simulated streams that ever decide, with a look after each customer."""
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(runs):
        arm = (rng.random(n) < share).astype(int)
        arm[:2] = 0, 1
        y = (rng.random(n) < np.where(arm == 1, rates[1], rates[0])).astype(int)
        found += int(sequential_test_from_stream(y, arm, control=0, **options).decided_at[0] >= 0)
    return found / runs


class TestSequentialTest:
    """`sequential_test`: mixture of the rates over the largest likelihood of a common one."""

    @given(STREAM, st.sampled_from([(0.5, 0.5), (1.0, 1.0), (2.0, 30.0)]))
    def test_p_value_is_that_of_the_urn(self, rows, prior):
        arm, y = np.array(rows).T
        result = sequential_test_from_stream(y, arm, control=0, prior_successes=prior[0], prior_failures=prior[1])
        lowest = 1.0
        for look in range(len(rows)):
            (x0, x1), (n0, n1) = result.successes[look].tolist(), result.trials[look].tolist()
            evidence = log_evidence(x1, n1, x0, n0, 0.0, *prior)
            lowest = min(lowest, np.exp(-evidence))
            assert result.p_value[look, 0] == pytest.approx(lowest, rel=1e-6)

    @given(
        st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        st.floats(-0.99, 0.99),
    )
    def test_profile_is_the_largest(self, one, other, delta):
        args = [np.array([float(v)]) for v in (*one, *other)]
        found = float(_profile(*args, np.array([delta]))[0])
        assert found == pytest.approx(profile(*one, *other, delta), rel=1e-6, abs=1e-6)
        assert found >= profile(*one, *other, delta) - 1e-7  # never below: the error control rests on it

    @given(
        st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    )
    def test_interval_ends_where_the_evidence_is_enough(self, one, other):
        (x0, n0), (x1, n1) = one, other
        result = sequential_test([[x0, x1]], [[n0, n1]])
        low, high = (float(end[0, 0]) for end in result.difference_interval)
        assert -1 <= low <= result.difference[0, 0] <= high <= 1
        for end, edge in ((low, -1), (high, 1)):
            if end != edge:
                evidence = log_evidence(x1, n1, x0, n0, end, 0.5, 0.5)
                assert evidence == pytest.approx(np.log(20), abs=1e-4)
        assert (result.p_value[0, 0] < 0.05) == (low > 0 or high < 0)

    @settings(max_examples=25)
    @given(STREAM)
    def test_swapping_arms_and_outcomes(self, rows):
        arm, y = np.array(rows).T
        result = sequential_test_from_stream(y, arm, control=0)
        swapped = sequential_test_from_stream(y, arm, control=1)
        turned = sequential_test_from_stream(1 - y, arm, control=0)
        for other in (swapped, turned):
            np.testing.assert_allclose(other.p_value, result.p_value, rtol=1e-9)
            np.testing.assert_allclose(other.difference_interval.low, -result.difference_interval.high, atol=1e-8)

    def test_a_last_look_before_the_first_customer_of_an_arm_is_named(self):
        error = refused(sequential_test_from_stream, [1, 0, 1, 1, 0], list("AABAC"), control="A", looks=[1, 4])
        assert (error.name, error.value) == ("looks", 4)
        assert "the first customer of C comes later" in str(error)

    def test_too_many_looks_at_many_arms_are_refused_before_the_work(self):
        arm, zero = np.arange(150_000) % 200, np.zeros(150_000)
        for function, options in ((sequential_test_from_stream, {}), (sequential_test_means, {"effect_scale": 1.0})):
            error = refused(function, zero, arm, control=0, **options)
            assert (error.name, error.value) == ("looks", 150_000)
            assert "at most 50,000 for 200 arms" in str(error)
        few = sequential_test_from_stream(zero, arm, control=0, looks=[1000, 150_000])
        assert few.trials[-1].tolist() == [750] * 200

    def test_p_values_never_rise_and_looks_pick_rows(self):
        rng = np.random.default_rng(3)
        arm, y = rng.integers(0, 3, 3000), rng.random(3000)
        y = (y < 0.1 + 0.05 * arm).astype(int)
        every = sequential_test_from_stream(y == 1, arm, control=1)
        assert (np.diff(every.p_value, axis=0) <= 0).all()
        some = sequential_test_from_stream(y.tolist(), arm, control=1, looks=[500, 1700, 3000])
        np.testing.assert_array_equal(some.trials, every.trials[[499, 1699, 2999]])
        np.testing.assert_array_equal(
            some.difference_interval, np.array(every.difference_interval)[:, [499, 1699, 2999]]
        )
        direct = sequential_test(some.successes, some.trials, names=["0", "1", "2"], control=1)
        assert direct == some
        assert (some.p_value >= every.p_value[[499, 1699, 2999]]).all()
        pair = sequential_test(some.successes[:, :2], some.trials[:, :2], control=1)
        np.testing.assert_allclose(some.p_value[:, 0], np.minimum(1, 2 * pair.p_value[:, 0]), rtol=1e-12)

    @pytest.mark.parametrize(
        ("rate", "n", "share"), [(0.5, 60, 0.5), (0.2, 1000, 0.5), (0.01, 2000, 0.5), (0.1, 600, 0.2)]
    )
    def test_false_alarms_with_a_look_after_each_customer(self, rate, n, share):
        """At most 5 %: the guarantee is exact, so the margin is that of the simulation alone."""
        assert alarms((rate, rate), n, share, 400, 11) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)

    def test_false_alarms_of_a_lax_level_and_a_bold_prior(self):
        """At level 0.5 alarms do come, and stay below it; a prior far off keeps the level too."""
        found = alarms((0.3, 0.3), 400, 0.5, 300, 12, level=0.5)
        assert found < 0.5
        assert alarms((0.3, 0.3), 400, 0.5, 300, 13, prior_successes=30.0, prior_failures=70.0, level=0.5) > 0.02
        assert alarms((0.3, 0.3), 400, 0.5, 300, 14, prior_successes=90.0, prior_failures=10.0) < 0.05

    def test_ordinary_test_would_cheat(self):
        """The same streams, looked at with a fixed-end test: far more false alarms than 5 %."""
        rng = np.random.default_rng(11)
        found = 0
        for _ in range(200):
            arm = np.arange(1000) % 2
            y = rng.random(1000) < 0.2
            result = sequential_test_from_stream(y, arm, control=0)
            (x0, x1), (n0, n1) = result.successes[50:].T, result.trials[50:].T
            mean = (x0 + x1) / (n0 + n1)
            with np.errstate(invalid="ignore"):
                z = (x1 / n1 - x0 / n0) / np.sqrt(mean * (1 - mean) * (1 / n0 + 1 / n1))
            found += bool((np.abs(z) > stats.norm.isf(0.025)).any())
        assert found / 200 > 0.2

    def test_finds_what_is_there_and_all_intervals_hold(self):
        rng = np.random.default_rng(5)
        held = decided = 0
        for _ in range(60):
            arm = rng.integers(0, 2, 3000)
            y = rng.random(3000) < 0.1 + 0.1 * arm
            result = sequential_test_from_stream(y, arm, control=0, looks=np.arange(30, 3001, 30))
            low, high = result.difference_interval
            held += bool(((low <= 0.1) & (high >= 0.1)).all())
            decided += int(result.decided_at[0] >= 0)
        assert decided > 55
        assert held >= 54  # 57 expected at the least; a margin of two standard errors

    def test_an_informed_prior_decides_sooner(self):
        x, n = np.array([[1, 2], [2, 3], [3, 5]]) * 60, np.array([[1, 1], [2, 2], [3, 3]]) * 1000
        plain = sequential_test(x, n)
        informed = sequential_test(x, n, prior_successes=8.0, prior_failures=92.0)
        assert informed.p_value[0] < plain.p_value[0]

    def test_words_and_round_trip(self):
        shown = sequential_test([[30, 50], [60, 150]], [[500, 500], [1000, 1000]])
        assert "B is higher, decided at look 2" in shown.conclusion
        assert "Exact" in shown.conclusion
        hidden = sequential_test([[30, 32]], [[500, 500]])
        assert "You may go on" in hidden.conclusion
        assert hidden.decided_at.tolist() == [-1]
        assert SequentialTest.from_json(shown.to_json()) == shown

    def test_a_decision_that_the_last_look_turns(self):
        """The sentence does not say "higher" beside a last interval that is below 0, or in silence around 0."""
        turned = sequential_test([[10, 60], [300, 150]], [[500, 500], [1500, 1500]])
        assert float(turned.difference_interval.high[-1, 0]) < 0
        assert "B was higher, decided at look 1, but the last look shows the opposite" in turned.conclusion
        assert "B is higher" not in turned.conclusion
        assert turned._parts().title == "B was better than A after 1,000 customers, and is worse now"
        back = sequential_test([[60, 10], [150, 300]], [[500, 500], [1500, 1500]])
        assert "B was lower, decided at look 1, but the last look shows the opposite" in back.conclusion
        crossed = sequential_test([[30, 80], [190, 180]], [[500, 500], [1000, 1000]])
        said = "B was higher, decided at look 1; the last look has the other sign, and its interval includes 0."
        assert said in crossed.conclusion
        title = "B was better than A after 1,000 customers; the difference has the other sign now"
        assert crossed._parts().title == title
        faded = sequential_test([[30, 80], [190, 190]], [[500, 500], [1000, 1000]])
        assert "B is higher, decided at look 1; the interval of the last look alone includes 0." in faded.conclusion

    @pytest.mark.parametrize(
        ("order", "side", "word"), [(slice(None), "higher", "better"), (slice(None, None, -1), "lower", "worse")]
    )
    def test_a_decision_that_the_last_look_does_not_show(self, order, side, word):
        """The last difference is on the other side, with 0 in its interval: "is higher" would contradict it."""
        looks = [[95, 175][order], [300, 290][order]]
        found = sequential_test(looks, [[1500, 1500], [3000, 3000]])
        assert found.decided_at.tolist() == [0]
        assert f"B was {side}, decided at look 1; the last look has the other sign, and its" in found.conclusion
        title = f"B was {word} than A after 3,000 customers; the difference has the other sign now"
        assert found._parts().title == title

    def test_the_picture_shows_a_variant_that_is_decided(self):
        """C leads by chance, with ten customers."""
        found = sequential_test([[50, 150, 5]], [[500, 500, 10]])
        assert found.decided_at.tolist() == [0, -1]
        assert found._parts().title == "B is better than A, shown after 1,010 customers"

    def test_the_picture_shows_the_variant_that_is_decided_higher(self):
        """B was decided to be lower, and has since turned; C, decided to be higher, is now behind it."""
        found = sequential_test([[300, 100, 480], [1200, 1330, 1290]], [[1000] * 3, [4000] * 3])
        assert found.difference[-1, 0] > found.difference[-1, 1] > 0
        assert found._parts().title == "C is better than A, shown after 3,000 customers"

    def test_means_that_turn(self):
        arm = np.tile([0, 1], 2000)
        value = np.where(arm == 1, np.where(np.arange(4000) < 1000, 2.0, -3.0), 0.0) + np.tile([0, 0, 1, 1], 1000)
        found = sequential_test_means(value, arm, control=0, effect_scale=1.0, looks=[1000, 4000])
        assert found.decided_at.tolist() == [0]
        assert "1 was higher, decided at look 1, but the last look shows the opposite" in found.conclusion

    def test_a_late_arm_waits(self):
        result = sequential_test([[3, 0], [5, 0], [9, 4]], [[9, 0], [20, 0], [30, 8]])
        assert result.p_value[:2].tolist() == [[1.0], [1.0]]
        assert np.isnan(result.difference[:2]).all()
        assert (result.difference_interval.low[0, 0], result.difference_interval.high[0, 0]) != (0.0, 0.0)

    @pytest.mark.parametrize(
        ("name", "x", "n", "options"),
        [
            ("successes", [[6, 1]], [[5, 5]], {}),
            ("successes", [[3, 1], [2, 1]], [[5, 5], [6, 6]], {}),
            ("trials", [[3, 1], [3, 1]], [[5, 5], [6, 4]], {}),
            ("successes", [[0, 1], [3, 1]], [[5, 5], [6, 5]], {}),
            ("trials", [[0, 1], [0, 1]], [[0, 5], [0, 5]], {}),
            ("trials", [[0, 1], [0, 1]], [[5, 5]], {}),
            ("successes", [3, 1], [5, 5], {}),
            ("successes", [[3], [4]], [[5], [6]], {}),
            ("successes", np.ones((2, 201)), np.full((2, 201), 5), {}),
            ("names", [[3, 1]], [[5, 5]], {"names": ["a", "b", "c"]}),
            ("control", [[3, 1]], [[5, 5]], {"control": 5}),
        ],
    )
    def test_rejections(self, name, x, n, options):
        assert refused(sequential_test, x, n, **options).name == name

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("converted", {"converted": [0, 1, 0.5, 1]}),
            ("arm", {"arm": list("aaaa")}),
            ("arm", {"arm": list("aab")}),
            ("arm", {"converted": [1] * 201, "arm": range(201), "control": 0}),
            ("control", {"control": "c"}),
            ("looks", {"looks": [3, 2]}),
            ("looks", {"looks": [5]}),
            ("looks", {"looks": []}),
            ("looks", {"looks": [1]}),
        ],
    )
    def test_rejections_of_streams(self, name, change):
        valid = {"converted": [0, 1, 0, 1], "arm": list("abab"), "control": "a"}
        assert refused(sequential_test_from_stream, **{**valid, **change}).name == name


class TestSequentialMeans:
    """`sequential_test_means`: normal mixture over differences, from `min_n` customers an arm on."""

    @given(st.integers(0, 2**32 - 1))
    def test_equals_its_definition(self, seed):
        rng = np.random.default_rng(seed)
        arm = rng.permutation([0, 1] * 20)
        value = rng.normal(1000, 3, 40) + arm
        result = sequential_test_means(value, arm, control=0, effect_scale=2.0, min_n=5)
        lowest = 1.0
        for look in range(40):
            a, b = value[: look + 1][arm[: look + 1] == 0], value[: look + 1][arm[: look + 1] == 1]
            if min(len(a), len(b)) < 5:
                assert result.p_value[look, 0] == 1
                assert result.difference_interval.high[look, 0] == np.inf
                continue
            error = compare_means(value[: look + 1], arm[: look + 1], control=0).standard_error
            alike = ((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()
            alike *= (1 / len(a) + 1 / len(b)) / (len(a) + len(b) - 2)
            v, d = max(float((error**2).sum()), alike), b.mean() - a.mean()
            under_null = stats.norm.pdf(d, 0, np.sqrt(v))
            mixed = stats.norm.pdf(d, 0, np.sqrt(v + 4))  # a normal difference of scale 2, seen with variance v
            lowest = min(lowest, under_null / mixed)
            assert result.p_value[look, 0] == pytest.approx(lowest, rel=1e-6)
            for end in (low_high[look, 0] for low_high in result.difference_interval):
                ratio = np.sqrt((v + 4) / v) * np.exp(-((d - end) ** 2) / 2 * (1 / v - 1 / (v + 4)))
                assert ratio == pytest.approx(0.05, rel=1e-6)

    def test_scales_and_shifts(self):
        rng = np.random.default_rng(1)
        arm, value = rng.integers(0, 2, 600), rng.exponential(5, 600)
        base = sequential_test_means(value, arm, control=0, effect_scale=1.0)
        scaled = sequential_test_means(7 * value + 100, arm, control=0, effect_scale=7.0)
        np.testing.assert_allclose(scaled.p_value, base.p_value, rtol=1e-6)
        back = sequential_test_means(value, arm, control=1, effect_scale=1.0)
        np.testing.assert_allclose(back.difference[-1], -base.difference[-1])
        assert (np.diff(base.p_value, axis=0) <= 0).all()
        assert SequentialMeans.from_json(base.to_json()) == base

    @pytest.mark.parametrize("kind", ["normal", "skewed"])
    def test_false_alarms_with_a_look_after_each_customer(self, kind):
        rng = np.random.default_rng(21)
        found = 0
        for _ in range(300):
            arm = rng.integers(0, 2, 2000)
            value = rng.normal(0, 1, 2000) if kind == "normal" else rng.exponential(1, 2000) * (rng.random(2000) < 0.3)
            found += int(sequential_test_means(value, arm, control=0, effect_scale=0.1).decided_at[0] >= 0)
        assert found / 300 < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)

    def test_finds_what_is_there(self):
        rng = np.random.default_rng(22)
        arm = rng.integers(0, 3, 6000)
        result = sequential_test_means(rng.normal(10 + (arm == 2), 3), arm, control=0, effect_scale=1.0)
        assert result.decided_at[0] == -1
        assert 0 < result.decided_at[1] < 5999
        assert "2 is higher" in result.conclusion
        assert "Approximate, from 100 customers" in result.conclusion

    def test_a_mad_value_in_one_arm_leaves_the_others_alone(self):
        rng = np.random.default_rng(5)
        value, arm = rng.normal(size=2000), np.arange(2000) % 2
        value += 0.5 * arm
        plain = sequential_test_means(value, arm, control=0, effect_scale=0.5)
        mad = sequential_test_means([*value, 1e13], [*arm, 2], control=0, effect_scale=0.5)
        assert 0 <= plain.decided_at[0] <= mad.decided_at[0] < 1999  # two variants halve the level
        np.testing.assert_allclose(mad.standard_error[:2000, :2], plain.standard_error)
        assert "not yet known" in sequential_test_means(value, arm, control=0, effect_scale=1.0, looks=[1]).conclusion

    def test_where_nothing_varies_nothing_is_decided(self):
        result = sequential_test_means([0.1] * 300, [0, 1] * 150, control=0, effect_scale=1.0)
        assert (result.p_value == 1).all()

    @pytest.mark.parametrize("first", [0.0, 0.1, 1e9])
    def test_later_rows_do_not_change_earlier_looks(self, first):
        """Rows were moved by the mean of all of them, and what rounding left counted as spread: ± 7e-07."""
        value = np.r_[np.full(400, first), np.random.default_rng(1).lognormal(3, 1, 600)]
        options = {"control": 0, "effect_scale": 5.0}
        arm = np.arange(1000) % 2
        all_rows = sequential_test_means(value, arm, **options, looks=[400, 700])
        assert all_rows.standard_error[0].tolist() == [0, 0]
        for look, n in enumerate((400, 700)):
            early = sequential_test_means(value[:n], arm[:n], **options, looks=[n])
            assert early.mean[0].tolist() == all_rows.mean[look].tolist()
            assert early.standard_error[0].tolist() == all_rows.standard_error[look].tolist()
        for a in (0, 1):
            rows = value[:700][arm[:700] == a]
            assert all_rows.standard_error[1, a] == pytest.approx(np.std(rows, ddof=1) / np.sqrt(350), rel=1e-9)
        assert "not yet known" in sequential_test_means(value, arm, **options, looks=[400]).conclusion

    def test_rejections(self):
        assert refused(sequential_test_means, [1, 2], [0, 1], control=2, effect_scale=1.0).name == "control"
        assert refused(sequential_test_means, [1, np.nan], [0, 1], control=0, effect_scale=1.0).name == "value"
        assert refused(sequential_test_means, [1, 2], [0, 1], control=0, effect_scale=1.0, looks=[0.5]).name == "looks"


class TestIntervalsOfManyLooks:
    """A look after each customer: the search for an end takes few steps, and ends just outside."""

    def test_steps_and_ends(self):
        rng = np.random.default_rng(1)
        result = sequential_test_from_stream(rng.random(1000) < 0.1, rng.integers(0, 2, 1000), control=0)
        n_values = []

        def counted(*columns):
            n_values.append(np.size(columns[4]))
            return log_likelihood(*columns)

        log_likelihood = sequential._log_likelihood
        with mock.patch.object(sequential, "_log_likelihood", counted):
            low, high = map(np.ravel, result.difference_interval)
        assert sum(n_values) < 100 * 1000  # 240 from the middle of what is possible, 574 with halvings alone
        (x1, x0), (n1, n0) = (table[:, ::-1].T.astype(float) for table in (result.successes, result.trials))
        least = result._weight().ravel() - np.log(1 / 0.05)
        for end, sign in ((low, -1), (high, 1)):
            inner = np.abs(end) < 1 - 1e-9
            assert np.count_nonzero(inner) > 900
            for away, is_inside in ((0.0, False), (4e-12, True)):
                value = _profile(x1, n1, x0, n0, end - sign * away)
                assert ((value >= least) == is_inside)[inner].all()
