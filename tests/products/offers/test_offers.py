"""Products to offer, and how many next purchases they find."""

from __future__ import annotations

import copy
import tracemalloc
from collections import Counter, defaultdict

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from crmvalue._core.encoding import threads
from crmvalue._products.offers import candidates, correcting, learning, scoring
from crmvalue._products.offers.check import _interval_of_lead
from crmvalue._products.offers.learning import UNCORRECTED
from crmvalue.errors import DataWarning, InputError
from crmvalue.products import OrderLines, check_next_products, next_products
from tests.products import references
from tests.tables import check_json

DAY = np.datetime64("2024-01-01")
LOGS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60), st.integers(0, 6)), min_size=5, max_size=90)
FIRST = [(0, 0, 0), (1, 0, 1), (0, 59, 0)]
"""A log that begins early enough for everything."""


def as_lines(log, **columns):
    customer, day, product = (np.array(column) for column in zip(*log, strict=True))
    return OrderLines(customer=customer, date=DAY + day, product=product, **columns)


def random_log(seed, n=400, n_customers=40, n_products=12):
    rng = np.random.default_rng(seed)
    product = np.minimum(rng.geometric(0.25, n), n_products)
    return [
        (int(c), int(d), int(p))
        for c, d, p in zip(rng.integers(0, n_customers, n), rng.integers(0, 61, n), product, strict=True)
    ]


class TestNextProducts:
    """Probabilities as in the notes, the best n for each customer."""

    @settings(max_examples=25)
    @given(log=LOGS, n=st.integers(1, 9), small_blocks=st.booleans())
    def test_equals_slow_probabilities(self, log, n, small_blocks):
        log = [*FIRST, *log]
        expected = references.slow_probabilities(log, 40, 60)
        with pytest.MonkeyPatch.context() as patch:
            if small_blocks:
                patch.setattr(learning, "_BLOCK", 3)
                patch.setattr(scoring, "_BLOCK", 3)
                patch.setattr(threads, "_FEW", 0)  # two blocks at a time
            found = next_products(as_lines(log), as_of=DAY + 60, horizon_days=20, n=n)
        prob = {
            (c, p): x
            for c, p, x in zip(found.customer.tolist(), found.product.tolist(), found.prob.tolist(), strict=True)
        }
        assert len(prob) == len(found)
        for pair, value in prob.items():
            assert value == pytest.approx(expected[pair])
        for customer in {c for c, _, _ in log}:
            own = [value for (c, _), value in prob.items() if c == customer]
            best = sorted((value for (c, _), value in expected.items() if c == customer and value > 0), reverse=True)
            assert own == pytest.approx(best[: len(own)])
            assert len(own) == min(n, len(best))

    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_few_are_the_first_of_many(self, n):
        """What is left out before sorting is not among the first `n`."""
        lines = as_lines(random_log(21, n=3000, n_customers=60, n_products=60))
        many, few = (next_products(lines, as_of=DAY + 60, horizon_days=20, n=each) for each in (60, n))
        place = np.arange(len(many)) - np.searchsorted(many.customer, many.customer)
        for column, found in few.to_columns().items():
            np.testing.assert_array_equal(found, many.to_columns()[column][place < n])

    @pytest.mark.parametrize("seed", [11, 12])
    def test_equals_slow_probabilities_where_products_speak_for_others(self, seed):
        log = [*FIRST, *random_log(seed, n=150, n_customers=15, n_products=6)]
        expected = references.slow_probabilities(log, 40, 60)
        found = next_products(as_lines(log), as_of=DAY + 60, horizon_days=20, n=9)
        assert (found.reason == "bought after").sum() > 5
        for customer, item, prob in zip(found.customer.tolist(), found.product.tolist(), found.prob, strict=True):
            assert prob == pytest.approx(expected[customer, item])

    def test_a_log_of_less_than_two_horizons_corrects_nothing(self):
        log = [*FIRST, *random_log(22, n=150, n_customers=15, n_products=6)]
        expected = references.raw_probabilities(log, 20, 60)
        found = next_products(as_lines(log), as_of=DAY + 60, horizon_days=40, n=9)
        for customer, item, prob in zip(found.customer.tolist(), found.product.tolist(), found.prob, strict=True):
            assert prob == pytest.approx(expected[customer, item])

    @given(log=LOGS, seed=st.integers(0, 9))
    @settings(max_examples=20)
    def test_order_of_lines_does_not_matter(self, log, seed):
        log = [*FIRST, *log]
        other = [log[i] for i in np.random.default_rng(seed).permutation(len(log))]
        one, two = (next_products(as_lines(each), as_of=DAY + 60, horizon_days=20) for each in (log, other))
        assert one == two

    def test_kinds(self):
        """Category is the product modulo 3, four in a row have one price: an upsell is dearer than all bought."""
        log = random_log(1)
        product = np.array([p for _, _, p in log])
        lines = as_lines(log, category=product % 3, amount=product // 4 + 1.0)
        found = next_products(lines, as_of=DAY + 60, horizon_days=20, n=12)
        had = defaultdict(set)
        for customer, _, item in log:
            had[customer].add(item)
        for customer, item, kind in zip(
            found.customer.tolist(), found.product.tolist(), found.kind.tolist(), strict=True
        ):
            same = [own for own in had[customer] if own % 3 == item % 3]
            expected = (
                "again" if item in had[customer] else "upsell" if same and item // 4 > max(same) // 4 else "cross-sell"
            )
            assert kind == expected
        assert set(found.kind.tolist()) == {"again", "cross-sell", "upsell"}
        only = next_products(lines, as_of=DAY + 60, horizon_days=20, n=12, kinds=["upsell"])
        assert only == next_products(lines, as_of=DAY + 60, horizon_days=20, n=12, kinds="upsell")
        assert len(only) == Counter(found.kind.tolist())["upsell"]
        assert "upsell" in found.conclusion

    def test_no_probability_is_above_1(self):
        """Who bought lately buys ten new products, the others one; tea is bought again by half of those at rest."""
        log = [(i, 38, "mug") for i in range(100)] + [(i, 22, "tea" if i < 150 else "soap") for i in range(100, 200)]
        log += [(i, 50, item) for i in range(100) for item in ("mug", *(f"new {k}" for k in range(10)))]
        log += [(i, 45, "new 0") for i in range(100, 200)] + [(i, 45, "tea") for i in range(100, 150)]
        log += [(999, 58, "mug"), (999, 58, "tea")]
        found = next_products(as_lines(log), as_of=DAY + 60, horizon_days=20, n=20).of(999)
        prob = dict(zip(found.product.tolist(), found.prob.tolist(), strict=True))
        # 1.0 of all times 1.8 for its class; 0.6 times 1.8 beside a mug; 0.99 times 1.5 for tea
        assert (prob["new 0"], prob["new 1"], prob["tea"]) == (1.0, 1.0, 1.0)
        assert prob["mug"] < 1

    def test_of_equal_reasons_the_product_bought_last_is_named(self):
        """Tea and cups are bought by the same 40 customers, 20 of whom buy a pot next; the last one has both."""
        past = [(i, 0, item) for i in range(40) for item in ("cup", "tea")] + [(i, 0, "soap") for i in range(40, 80)]
        log = [*past, *((i, 55, "pot") for i in range(20)), (99, 40, "cup"), (99, 50, "tea")]
        found = next_products(as_lines(log), as_of=DAY + 60, horizon_days=30, n=1, kinds="cross-sell").of(99)
        assert (found.product.tolist(), found.because_of.tolist()) == (["pot"], ["tea"])

    def test_reason_speaks_most_for_the_product(self):
        log = random_log(2)
        found = next_products(as_lines(log), as_of=DAY + 60, horizon_days=20, n=12)
        before, after = defaultdict(set), defaultdict(set)
        for customer, day, item in log:
            (before if day <= 40 else after)[customer].add(item)
        for customer in set(after) - set(before):
            del after[customer]
        followed, without = references.again_and_new(before, after)
        had = defaultdict(set)
        for customer, _, item in log:
            had[customer].add(item)
        n_after = 0
        for customer, item, reason, because in zip(
            found.customer.tolist(),
            found.product.tolist(),
            found.reason.tolist(),
            found.because_of.tolist(),
            strict=True,
        ):
            free = [c for c in before if item not in before[c]]
            base = sum(item in after[c] for c in free) / max(len(free), 1)
            share = {
                own: (followed[own, item] + 10 * base) / (without[own, item] + 10)
                for own in had[customer]
                if followed[own, item] > 1
            }
            if item in had[customer]:
                assert (reason, because) == ("bought before", item)
            elif reason == "bought after":
                assert share[because] == pytest.approx(max(share.values()))
                n_after += 1
            else:
                assert (reason, because) == ("popular", item)
                assert all(value <= base + 1e-12 for value in share.values())
        assert n_after > 10

    def test_margin_and_rank(self):
        log = random_log(3)
        product = np.array([p for _, _, p in log])
        lines = as_lines(log, amount=product.astype(float))
        margin = {p: 0.5 if p % 2 else -0.1 for p in set(product.tolist())}
        found = next_products(lines, as_of=DAY + 60, horizon_days=20, margin=margin, rank_by="expected_margin", n=3)
        bought = defaultdict(set)
        money = Counter()
        for customer, day, item in log:
            bought[item].add((customer, day))
            money[item] += item
        for item, prob, value in zip(found.product.tolist(), found.prob, found.expected_margin, strict=True):
            assert value == pytest.approx(prob * margin[item] * money[item] / len(bought[item]))
        own = found.of(found.customer[0])
        assert (np.diff(own.expected_margin) <= 0).all()
        one = next_products(lines, as_of=DAY + 60, horizon_days=20, margin=0.5)
        assert np.isfinite(one.expected_margin).all()
        assert np.isnan(next_products(lines, as_of=DAY + 60, horizon_days=20).expected_margin).all()
        check_json(one)

    def test_some_customers(self):
        log = random_log(4)
        everybody = next_products(as_lines(log), as_of=DAY + 60, horizon_days=20)
        some = next_products(as_lines(log), as_of=DAY + 60, horizon_days=20, customers=[7, 3])
        assert some.of(3) == everybody.of(3)
        assert set(some.customer.tolist()) == {3, 7}

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"kinds": []}, "kinds"),
            ({"kinds": ["downsell"]}, "kinds"),
            ({"kinds": "downsell"}, "kinds"),
            ({"kinds": ["upsell"]}, "kinds"),
            ({"rank_by": "expected_margin"}, "margin"),
            ({"rank_by": "price"}, "rank_by"),
            ({"margin": 0.4}, "lines"),
            ({"margin": {0: 0.4}}, "margin"),
            ({"margin": 1.5}, "margin"),
            ({"horizon_days": 61}, "horizon_days"),
            ({"customers": ["ann"]}, "customers"),
            ({"customers": [99]}, "customers"),
            ({"customers": []}, "customers"),
        ],
    )
    def test_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            next_products(as_lines(FIRST), **{"as_of": DAY + 60, "horizon_days": 20, **changes})
        assert caught.value.name == name

    def test_columns_are_the_same_before_and_after_they_are_read(self):
        """Codes take the place of identifiers and words until a column is read."""
        lines = random_log(5)
        unread, read = (next_products(as_lines(lines), as_of=DAY + 60, horizon_days=20, n=3) for _ in range(2))
        columns = {name: getattr(read, name) for name in ("customer", "product", "kind", "reason", "because_of")}
        someone = read.customer[4].item()
        assert len(unread) == len(read) > 50
        assert unread.conclusion == read.conclusion
        assert unread.of(someone) == read.of(someone)
        assert read.of(someone).product.tolist() == columns["product"][columns["customer"] == someone].tolist()
        assert len(unread.of(-1)) == len(read.of(-1)) == 0
        assert repr(unread.plot_data()) == repr(read.plot_data())
        assert copy.copy(unread) == read
        assert unread.to_json() == read.to_json()
        for name, column in columns.items():
            assert getattr(read, name) is column
            assert unread.to_columns()[name].tolist() == column.tolist()
            with pytest.raises(ValueError, match="read-only"):
                column[0] = column[1]
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(read, name, column)

    def test_columns_that_are_not_read_take_little_memory(self):
        lines = as_lines(random_log(6, n=20_000, n_customers=5_000, n_products=60))
        tracemalloc.start()
        try:
            offers = next_products(lines, as_of=DAY + 60, horizon_days=20, n=10)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 40 * len(offers)

    def test_reasons_of_long_lists_take_little_memory(self, monkeypatch):
        """Each product of a long list is compared with each product of a long history, some at a time."""
        monkeypatch.setattr(scoring, "_BLOCK", 1 << 12)
        rng = np.random.default_rng(5)
        speak = np.zeros((600, 600))
        speak[:300, 300:] = rng.integers(0, 9, (300, 300)) * (rng.random((300, 300)) < 0.02)
        had = sparse.csr_array(np.arange(600)[None, :].repeat(3, axis=0) < 300, dtype=float)
        row, product = np.arange(3).repeat(300), np.tile(np.arange(300, 600), 3)
        best = scoring.Candidates(row, product, np.ones(900), np.ones(900, dtype=bool), np.full(900, -1))
        silent, more = np.arange(900), sparse.csr_array(speak)
        tracemalloc.start()
        try:
            found = scoring._reasons(had, silent, more, best, np.ones(900, dtype=bool))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        most = np.where(speak[:300, 300:].any(axis=0), speak[:300, 300:].argmax(axis=0), -1)
        np.testing.assert_array_equal(found, np.tile(most, 3))
        assert peak < 3e6


def test_a_held_out_period_past_the_end_of_the_log_is_told():
    lines = as_lines([(customer, day, 0) for customer in range(3) for day in range(60)])
    check_next_products(lines, as_of=DAY + 59, horizon_days=20)
    with pytest.warns(DataWarning, match="the log ends 10 days before `as_of`"):
        check_next_products(lines, as_of=DAY + 69, horizon_days=20)


class TestCheckNextProducts:
    """Purchases of the held-out period among the first n, for the products and for two naive rules."""

    @settings(max_examples=20)
    @given(log=LOGS, n=st.integers(1, 4), new_only=st.booleans())
    def test_equals_slow_rules(self, log, n, new_only):
        log = [*FIRST, *log, (0, 59, 1)]
        past = [line for line in log if line[1] <= 40]
        had, bought = defaultdict(set), defaultdict(set)
        for customer, _, item in past:
            had[customer].add(item)
        for customer, day, item in log:
            if day > 40 and customer in had and not (new_only and item in had[customer]):
                bought[customer].add(item)
        arguments = {"as_of": DAY + 60, "horizon_days": 20, "n": n, "new_only": new_only}
        if not bought:
            with pytest.raises(InputError, match="held-out"):
                check_next_products(as_lines(log), **arguments)
            return
        found = check_next_products(as_lines(log), **arguments)
        assert found.n_customers == len(bought)
        assert found.n_purchases == sum(map(len, bought.values()))
        popular, before = references.naive_offers(log, 40, 20, n, new_only=new_only)
        naive = {"most popular": popular, "bought before": before}
        assert found.rule.tolist() == ["next_products", "most popular", *([] if new_only else ["bought before"])]
        kinds = ["cross-sell"] if new_only else ["again", "cross-sell"]
        own = next_products(as_lines(past), as_of=DAY + 40, horizon_days=20, n=n, kinds=kinds)
        offers = defaultdict(list)
        for customer, item in zip(own.customer.tolist(), own.product.tolist(), strict=True):
            offers[customer].append(item)
        naive["next_products"] = offers
        for rule, n_hit, n_found in zip(found.rule.tolist(), found.n_hit, found.n_found, strict=True):
            assert (n_hit, n_found) == references.hit_counts(naive[rule], bought), rule
        assert found.n_expected == pytest.approx(own.prob.sum())
        np.testing.assert_allclose(found.hit_rate, found.n_hit / len(bought))
        np.testing.assert_allclose(found.found_share, found.n_found / found.n_purchases)
        np.testing.assert_allclose(found.lead, found.hit_rate[0] - found.hit_rate)
        check_json(found)

    def test_finds_what_follows(self):
        """Who bought a buys A later: popularity cannot know it."""
        log = []
        for customer in range(300):
            begin = customer % 60
            item = customer % 3
            log += [(customer, begin, item), (customer, begin + 30, 10 + item)]
        found = check_next_products(as_lines(log), as_of=DAY + 90, horizon_days=30, n=1, new_only=True)
        assert found.hit_rate[0] > 0.9
        assert found.hit_rate[1] < 0.5
        assert "ahead of each naive rule, beyond chance" in found.conclusion
        near = {"n_hit": [50123, 50094], "n_found": [60000] * 2, "hit_rate": [0.50123, 0.50094], "lead": [0.0, 0.00029]}
        close = attrs.evolve(
            found, **near, hit_low=[0.0] * 2, hit_high=[1.0] * 2, lead_low=[0.0, -0.1], lead_high=[0.0, 0.1],
            n_customers=100_000, n_purchases=100_000,
        )  # fmt: skip
        assert "next_products 50.12%, most popular 50.09%" in close.conclusion
        assert "Among 100,000 customers the first product hit:" in close.conclusion
        assert "the first 1,200 products hit:" in attrs.evolve(close, n=1_200).conclusion

    def test_one_customer_shows_no_lead(self):
        log = [(1, 0, 1), (1, 30, 1), (1, 60, 1), (2, 0, 2), (2, 30, 2), (3, 0, 2), (3, 30, 2)]
        found = check_next_products(as_lines(log), as_of=DAY + 70, horizon_days=30, n=1)
        assert (found.n_customers, found.lead[1]) == (1, 1.0)
        assert found.lead_low[1] < 0
        assert found.conclusion.endswith("is not shown to be ahead of most popular and bought before.")
        assert found.conclusion.startswith("Among 1 customer the first product hit: next_products 100.0%, ")

    def test_the_interval_of_the_lead_is_that_of_agresti_and_min(self):
        """One half in each of won and lost, one customer in each of the others, where z**2 is 4."""
        ahead = np.zeros((2, 100))
        ahead[1, :20], ahead[1, 20:25] = 1.0, -1.0
        low, high = _interval_of_lead(ahead, 2 * stats.norm.cdf(2.0) - 1)
        half = 2 * np.sqrt(26 - 15**2 / 102) / 102
        np.testing.assert_allclose((low[1], high[1]), (15 / 102 - half, 15 / 102 + half))
        low, high = _interval_of_lead(ahead, 1 - 2**-53)
        assert -1 < low[1] < 0 < high[1] < 1

    @pytest.mark.parametrize("n", [1, 3, 5, 6, 9])
    def test_a_lead_of_few_customers_is_judged_by_the_exact_test(self, n):
        """Of three customers, all three are ahead in one of four cases by chance alone."""
        ahead = np.zeros((3, n))
        ahead[1], ahead[2] = 1.0, -1.0
        low, high = _interval_of_lead(ahead, 0.95)
        shown = stats.binomtest(n, n).pvalue <= 0.05
        assert (low[1] > 0, high[2] < 0) == (shown, shown)

    def test_says_which_rule_is_better(self):
        names = ["next_products", "most popular", "bought before"]
        log = [(c, day, 1) for c in range(40) for day in (0, 30, 60)]
        found = check_next_products(as_lines(log), as_of=DAY + 70, horizon_days=30, n=1)
        changed = attrs.evolve(found, rule=names, lead=[0, -0.3, 0], lead_low=[0, -0.4, -0.1], lead_high=[0, -0.2, 0.1])
        assert changed.conclusion.endswith(
            "next_products is behind most popular, beyond chance; not shown to be ahead of bought before."
        )

    @pytest.mark.slow
    def test_the_probabilities_are_about_right(self):
        """Customers buy at fixed rates: what is expected is what is found, within a tenth."""
        rng = np.random.default_rng(9)
        rate = rng.gamma(0.5, 0.01, (800, 8))
        customer, product, day = np.nonzero(rng.random((800, 8, 720)) < rate[:, :, None])
        log = list(zip(customer.tolist(), day.tolist(), product.tolist(), strict=True))
        found = check_next_products(as_lines(log), as_of=DAY + 719, horizon_days=60, n=3)
        assert found.n_expected == pytest.approx(found.n_found[0], rel=0.1)

    def test_fashions_are_allowed_for(self, monkeypatch):
        """Shares of 300 products differ, and change each 60 days: what was bought most is bought less again."""
        rng = np.random.default_rng(5)
        n, own = 60_000, rng.gamma(0.5, 1.0, 1000)
        customer, day = rng.choice(1000, n, p=own / own.sum()), rng.integers(0, 480, n)
        share = np.cumsum(rng.gamma(1.0, 1.0, 300) * rng.gamma(3.0, 1.0, (8, 300)), axis=1)
        product = [
            np.searchsorted(share[d // 60], u * share[d // 60, -1]) for d, u in zip(day, rng.random(n), strict=True)
        ]
        log = list(zip(customer.tolist(), day.tolist(), product, strict=True))
        arguments = {"as_of": DAY + 479, "horizon_days": 60, "n": 3}
        found = check_next_products(as_lines(log), **arguments)
        monkeypatch.setattr(candidates, "corrections", lambda *_: (UNCORRECTED, UNCORRECTED))
        before = check_next_products(as_lines(log), **arguments)
        too_high, still = (each.n_expected / each.n_found[0] - 1 for each in (before, found))
        assert too_high > 1
        assert abs(still) < too_high / 2

    def test_a_log_that_is_too_short(self):
        with pytest.raises(InputError, match="horizon_days"):
            check_next_products(as_lines(FIRST), as_of=DAY + 60, horizon_days=31)
        assert check_next_products(as_lines(FIRST), as_of=DAY + 60, horizon_days=30).n_customers == 1

    @pytest.mark.parametrize(
        "ends", [{"lead_low": [0, 0, 0.1]}, {"lead_low": [0, -0.1, 0.1], "lead_high": [0, 0, 0.2]}]
    )
    def test_an_interval_that_ends_at_0_shows_no_lead(self, ends):
        log = [(c, day, 1) for c in range(40) for day in (0, 30, 60)]
        found = check_next_products(as_lines(log), as_of=DAY + 70, horizon_days=30, n=1)
        lead = [0, ends["lead_low"][1], 0.1]
        changed = attrs.evolve(found, **{"lead": lead, "lead_high": [0, 0.2, 0.2], **ends})
        rule = found.rule[1]
        assert changed.conclusion.endswith(f"next_products is not shown to be ahead of {rule}.")


@pytest.mark.parametrize("product", ["", 1.5, None])
def test_products_of_a_result_are_identifiers(product):
    found = next_products(as_lines(FIRST), as_of=DAY + 60, horizon_days=20)
    with pytest.raises(InputError, match="`product`"):
        attrs.evolve(found, product=[product] * len(found))


class TestCorrection:
    """Factor and power of the largest Poisson likelihood, against halving; the power is from 0.1 to 2."""

    @pytest.mark.parametrize(
        ("prob", "seen", "power"),
        [
            ([0.1, 0.5], [0, 500], 2),
            ([0.1, 0.5], [500, 0], 0.1),
            ([0.3] * 50, [1] * 20 + [0] * 30, 1),
            (list(np.linspace(0.01, 0.5, 30)), [k % 7 == 0 for k in range(30)], None),
            (list(np.linspace(0.1, 0.12, 30)), [k > 25 for k in range(30)], None),
            ([0.0, 0.2, 0.0, 0.1], [1, 1, 0, 0], None),  # what cannot be says nothing
            ([], [], 1),
        ],
    )
    def test_equals_halving(self, prob, seen, power):
        found = correcting._fit(np.array(prob), np.array(seen, dtype=float))
        known = [(one, s) for one, s in zip(prob, seen, strict=True) if one > 0]
        factor, wanted = references.factor_and_power([one for one, _ in known], [s for _, s in known])
        assert found.power == pytest.approx(wanted, abs=1e-9)
        assert found.factor == pytest.approx(factor, rel=1e-9)
        assert power is None or found.power == power


def test_classes_of_counts_and_days():
    """1, 2, 3 to 4, 5 to 7, 8 and more purchases; up to 13, 29, 59, 119 and 199 days, and more."""
    times, days = np.array([1, 2, 3, 4, 5, 7, 8, 20]), np.array([0, 13, 14, 29, 30, 59, 60, 119, 120, 199, 200, 999])
    assert learning._cells(times, np.zeros(8)).tolist() == [6 * k for k in (0, 1, 2, 2, 3, 3, 4, 4)]
    assert learning._cells(np.ones(12), days).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
