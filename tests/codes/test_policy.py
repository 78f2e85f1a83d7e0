"""How codes are written: the check character, what is forgiven, and how hard codes are to guess."""

from __future__ import annotations

import itertools
import string
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._codes.check_character import _scheme, check_characters, ends_well, has_scheme
from crmvalue.codes import CodePolicy, generate_codes
from crmvalue.errors import InputError
from tests.codes import references

SIZES = (10, 11, 13, 17, 19, 23, 29, 31)
SIGNS = string.digits + string.ascii_uppercase
WITHOUT_PAIRS = "".join(sign for sign in SIGNS if sign not in "OIL1")
policies = st.builds(
    CodePolicy,
    alphabet=st.sampled_from(SIZES).map(lambda size: (WITHOUT_PAIRS + "1")[-size:] if size < 31 else WITHOUT_PAIRS[1:]),
    n_random=st.integers(4, 20),
    group=st.sampled_from([0, 2, 3, 4, 5, 12]),
)


class TestCheckCharacter:
    """Each single wrong character and each swap of two neighbours leads to another last state."""

    @pytest.mark.parametrize("size", SIZES)
    def test_all_single_errors(self, size):
        """A wrong character leads to another state, and two states never meet again under the same characters."""
        table, _ = _scheme(size)
        for line in (*table, *table.T):
            assert sorted(line.tolist()) == list(range(size))

    @pytest.mark.parametrize("size", SIZES)
    def test_all_swaps_of_neighbours(self, size):
        """All pairs after all states; that a swap stays visible to the end follows from the test before."""
        table, _ = _scheme(size)
        for state, a, b in itertools.product(range(size), repeat=3):
            if a != b:
                assert table[table[state, a], b] != table[table[state, b], a]

    @pytest.mark.parametrize("size", SIZES)
    def test_every_code_has_exactly_one_last_character(self, size):
        places = np.array(list(itertools.product(range(size), repeat=2)), dtype=np.uint8)
        last = check_characters(places, size)
        for sign in range(size):
            good = ends_well(np.column_stack([places, np.full(len(places), sign, dtype=np.uint8)]), size)
            np.testing.assert_array_equal(good, last == sign)

    @pytest.mark.parametrize(
        ("alphabet", "text", "last"),
        [
            ("0123456789X", "079", "X"),  # ISO/IEC 7064 MOD 11-2, the example of its implementations
            ("0123456789X", "000000021825009", "7"),  # ORCID 0000-0002-1825-0097, from the pages of ORCID
            ("0123456789X", "000000021694233", "X"),  # ORCID 0000-0002-1694-233X, from there too
            (SIGNS + "*", "G123489654321", "Y"),  # ISO/IEC 7064 MOD 37-2, the example of its implementations
            ("0123456789", "572", "4"),  # Damm, the example of the thesis
        ],
    )
    def test_published(self, alphabet, text, last):
        places = np.array([[alphabet.index(sign) for sign in text]], dtype=np.uint8)
        assert alphabet[check_characters(places, len(alphabet))[0]] == last

    @given(st.sampled_from(SIZES[1:]), st.lists(st.integers(0, 10), min_size=1, max_size=40))
    def test_is_the_pure_system_of_the_standard(self, size, places):
        radix = _scheme(size)[1]
        good = ends_well(np.array([places], dtype=np.uint8), size)[0]
        assert good == references.pure_system_is_valid(places, size, radix)

    def test_sizes(self):
        assert [size for size in range(3, 33) if has_scheme(size)] == [3, 5, 7, 10, 11, 13, 17, 19, 23, 29, 31]


class TestNormalise:
    """What a customer types becomes the code, or is refused without being shown."""

    @given(policies, st.integers(0, 2**32), st.randoms())
    def test_spaces_dashes_and_case_do_not_count(self, policy, seed, random):
        code = str(generate_codes(policy, 1, rng=np.random.default_rng(seed))[0])
        typed = "".join(
            random.choice("  -\N{EN DASH}._") * random.randint(0, 2) + random.choice([s, s.lower()]) for s in code
        )
        assert policy.normalise(typed) == code.replace("-", "")
        assert policy.format(typed) == code

    @given(policies, st.integers(0, 2**32), st.data())
    def test_every_single_error_and_swap_is_found(self, policy, seed, data):
        plain = policy.normalise(str(generate_codes(policy, 1, rng=np.random.default_rng(seed))[0]))
        place = data.draw(st.integers(0, len(plain) - 1))
        other = data.draw(st.sampled_from(policy.alphabet.replace(plain[place], "")))
        wrong = [plain[:place] + other + plain[place + 1 :]]
        if place and plain[place] != plain[place - 1]:
            wrong.append(plain[: place - 1] + plain[place] + plain[place - 1] + plain[place + 1 :])
        for text in wrong:
            with pytest.raises(InputError, match="wrong or swapped") as caught:
                policy.normalise(text)
            assert text not in str(caught.value)
            assert text not in repr(vars(caught.value))

    def test_look_alikes(self):
        policy = CodePolicy()
        codes = generate_codes(policy, 2000, rng=np.random.default_rng(2)).tolist()
        cyrillic = str.maketrans("CHKMPTX", "\u0441\u043d\u043a\u043c\u0440\u0442\u0445")
        for code in codes:
            plain = policy.normalise(code)
            assert policy.normalise(code.replace("2", "Z").replace("8", "b").replace("V", "u")) == plain
            assert policy.normalise(code.translate(cyrillic)) == plain
            assert policy.normalise("".join(chr(ord(s) + 0xFEE0) for s in code if s != "-")) == plain  # full width

    def test_one_for_i_and_zero_for_o_where_the_alphabet_says_which(self):
        policy = CodePolicy(alphabet="0123456789", n_random=5, group=0)
        code = str(generate_codes(policy, 1, existing=[], rng=np.random.default_rng(3))[0])
        typed = code.replace("0", "o").replace("1", "l").replace("5", "s").replace("2", "z").replace("8", "B")
        assert policy.normalise(typed) == code

    def test_the_default_has_no_look_alikes_and_makes_no_words(self):
        assert not set(CodePolicy().alphabet) & set("01OILSZBUYAE5")
        assert len(CodePolicy().alphabet) == 23

    @pytest.mark.parametrize(
        ("wrong", "rule"),
        [
            ("", "12 characters"),
            ("2346-789C-DFG", "12 characters"),
            ("2346-789C-DFG34", "12 characters"),
            ("2346-789C-DFG0", "of the characters"),
            ("2346-789C-DFG!", "of the characters"),
            ("2346-789C-DFG4", "without a wrong or swapped character"),
            ("2" * 10_000, "12 characters"),
            (None, "text"),
            (234, "text"),
            (b"2346-789C-DFG3", "text"),
        ],
    )
    def test_refusals(self, wrong, rule):
        with pytest.raises(InputError, match=rule) as caught:
            CodePolicy().normalise(wrong)
        assert caught.value.name == "text"
        assert "9C-D" not in str(caught.value)


class TestGuessing:
    """Bounds against exact sums, and the shortest code that keeps a bound."""

    @pytest.mark.parametrize(("n_live", "n_attempts"), [(1, 1), (5, 7), (300, 2), (60, 200), (3000, 3000)])
    def test_bound_against_the_exact_probability(self, n_live, n_attempts):
        policy = CodePolicy(alphabet="0123456789", n_random=4)
        exact = float(references.prob_guessed(10**4, n_live, n_attempts))
        bound = policy.prob_guessed(n_live, n_attempts)
        few = min(n_live, n_attempts)
        assert exact * (1 - 1e-12) <= bound <= min(1.0, exact * (1 + 2 * few / 10**4) + 1e-12)

    def test_bound_against_simulation(self):
        """1,000 of 10,000 codes live and 10 attempts: within four standard errors of 20,000 tries."""
        policy, rng = CodePolicy(alphabet="0123456789", n_random=4), np.random.default_rng(4)
        tries = rng.permuted(np.tile(np.arange(10**4), (200, 1)), axis=1)[:, :1000].reshape(-1, 10)
        found = (tries < 1000).any(axis=1).mean()
        assert found == pytest.approx(policy.prob_guessed(1000, 10), abs=4 * 0.5 / np.sqrt(20_000))

    @pytest.mark.parametrize(
        ("n_live", "n_attempts", "prob"), [(1, 1, 0.5), (10**5, 10**6, 1e-3), (10**6, 10**9, 1e-9), (10**7, 10, 1e-6)]
    )
    def test_shortest(self, n_live, n_attempts, prob):
        policy = CodePolicy.against_guessing(n_live=n_live, n_attempts=n_attempts, prob=prob)
        assert policy.prob_guessed(n_live, n_attempts) <= prob
        assert policy.n_random == 4 or CodePolicy(n_random=policy.n_random - 1).prob_guessed(n_live, n_attempts) > prob

    def test_every_code_guessed(self):
        policy = CodePolicy(alphabet="0123456789", n_random=4)
        assert policy.prob_guessed(1, 10**4) == 1
        assert policy.prob_guessed(10**9, 1) == 1
        assert policy.prob_guessed(1, 5000) == pytest.approx(0.5, rel=1e-12)

    @pytest.mark.parametrize(("n", "n_existing"), [(1, 0), (2, 0), (20, 0), (20, 30), (200, 0), (1, 400)])
    def test_birthday_bound(self, n, n_existing):
        policy = CodePolicy(alphabet="0123456789", n_random=4)
        exact = float(references.prob_collision(10**4, n, n_existing))
        bound = policy.prob_collision(n, n_existing=n_existing)
        assert exact - 1e-15 <= bound <= min(1.0, exact + exact**2 + 1e-15)

    @pytest.mark.parametrize(
        ("argument", "given_"),
        [
            ("n_live", {"n_live": 0, "n_attempts": 1, "prob": 0.1}),
            ("n_attempts", {"n_live": 1, "n_attempts": 1.5, "prob": 0.1}),
            ("prob", {"n_live": 1, "n_attempts": 1, "prob": 0}),
            ("prob", {"n_live": 1, "n_attempts": 1, "prob": 5}),
            ("prob", {"n_live": 2**53, "n_attempts": 2**53, "prob": 1e-60}),
            ("alphabet", {"n_live": 1, "n_attempts": 1, "prob": 0.1, "alphabet": "AB"}),
        ],
    )
    def test_refusals(self, argument, given_):
        with pytest.raises(InputError) as caught:
            CodePolicy.against_guessing(**given_)
        assert caught.value.name == argument


class TestCodePolicy:
    """The fields of a policy."""

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("alphabet", "0123456789O"),
            ("alphabet", "123456789IX"),
            ("alphabet", "00123456789"),
            ("alphabet", "abcdefghjkm"),
            ("alphabet", "23456789ABCD"),
            ("alphabet", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660"),
            ("alphabet", 10),
            ("n_random", 3),
            ("n_random", 41),
            ("n_random", "11"),
            ("group", 1),
            ("group", -1),
            ("group", 13),
        ],
    )
    def test_refusals(self, name, wrong):
        with pytest.raises(InputError) as caught:
            CodePolicy(**{name: wrong})
        assert caught.value.name == name

    @given(policies)
    def test_json(self, policy):
        assert CodePolicy.from_json(policy.to_json()) == policy


class TestGenerateCodes:
    """All different, none of the existing ones, each equally likely."""

    @given(policies, st.integers(1, 200), st.integers(0, 2**32))
    def test_are_codes_all_different(self, policy, n, seed):
        codes = generate_codes(policy, n, rng=np.random.default_rng(seed))
        assert len(set(codes.tolist())) == n == len(codes)
        assert [policy.format(code) for code in codes.tolist()] == codes.tolist()
        np.testing.assert_array_equal(generate_codes(policy, n, rng=np.random.default_rng(seed)), codes)

    @given(st.integers(1, 2500), st.integers(1, 2500), st.integers(0, 2**32))
    def test_none_of_the_existing_ones(self, n, n_existing, seed):
        """In a space of 10,000, where a third of all draws meet another code."""
        policy, rng = CodePolicy(alphabet="0123456789", n_random=4), np.random.default_rng(seed)
        old = generate_codes(policy, n_existing, rng=rng)
        new = generate_codes(policy, n, existing=old, rng=rng)
        assert len({*old.tolist(), *new.tolist()}) == n + n_existing

    def test_existing_ones_as_customers_write_them(self):
        policy = CodePolicy(alphabet="0123456789", n_random=4, group=2)
        old = generate_codes(policy, 4000, rng=np.random.default_rng(1)).tolist()
        typed = [code.replace("-", "") if i % 2 else f" {code} " for i, code in enumerate(old)]
        new = generate_codes(policy, 1000, existing=iter(typed), rng=np.random.default_rng(1))
        assert not {*old} & {*new.tolist()}

    @pytest.mark.slow
    def test_a_million(self):
        codes = generate_codes(CodePolicy(), 1_000_000, rng=np.random.default_rng(6))
        assert len(np.unique(codes)) == 1_000_000

    @pytest.mark.parametrize("rng", [None, np.random.default_rng(7)])
    def test_each_character_is_equally_likely_at_each_place(self, rng):
        """Chi-square of 23 characters at 11 places: 242 degrees of freedom, mean 242, deviation 22; six deviations."""
        policy, n = CodePolicy(group=0), 50_000
        signs = np.array([list(code) for code in generate_codes(policy, n, rng=rng).tolist()])[:, :-1]
        counts = np.array([(signs == sign).sum(axis=0) for sign in policy.alphabet])
        chi_square = ((counts - n / 23) ** 2 / (n / 23)).sum()
        assert 242 - 6 * 22 < chi_square < 242 + 6 * 22

    def test_comes_from_secrets(self, monkeypatch):
        """The default source is that of the operating system, as `secrets` gives it."""
        asked = []

        def tokens(n):
            asked.append(n)
            return bytes(i % 230 for i in range(n))

        monkeypatch.setattr("crmvalue._codes.generate.secrets.token_bytes", tokens)
        assert generate_codes(CodePolicy(), 1).tolist() == ["2346-789C-DFG3"]
        assert asked

    def test_draws_fall_together_as_often_as_the_birthday_says(self):
        """100 codes of 10,000: the expected number of pairs is 0.495; within four standard errors of 4,000 tries."""
        rng = np.random.default_rng(8)
        pairs = [100 - len(np.unique(rng.integers(0, 10**4, 100))) for _ in range(4000)]
        bound = CodePolicy(alphabet="0123456789", n_random=4).prob_collision(100)
        assert bound == pytest.approx(0.495)
        assert np.mean(pairs) == pytest.approx(bound, abs=4 * 0.71 / np.sqrt(4000))

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("policy", None),
            ("policy", "23"),
            ("n", 0),
            ("n", 1.5),
            ("n", 5001),
            ("n", 10**9),
            ("rng", 5),
            ("rng", np.random.RandomState(5)),
            ("existing", "1234-5"),
            ("existing", [1, 2]),
            ("existing", None),
        ],
    )
    def test_refusals(self, name, wrong):
        fine = {"policy": CodePolicy(alphabet="0123456789", n_random=4), "n": 1}
        with pytest.raises(InputError) as caught:
            generate_codes(**{**fine, name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize(("policy", "most"), [(CodePolicy(), 10**7), (CodePolicy(n_random=40), 4 * 10**6)])
    def test_more_than_the_memory_takes(self, policy, most):
        """4 bytes a character: the 41 characters of the longest code, with 10 dashes, take 204 bytes."""
        with pytest.raises(InputError, match=r"codes of (14|51) characters.*another call") as caught:
            generate_codes(policy, most + 1)
        assert caught.value.name == "n"

    @pytest.mark.slow
    def test_memory_of_a_million_codes(self):
        tracemalloc.start()
        try:
            generate_codes(CodePolicy(), 10**6)
            assert tracemalloc.get_traced_memory()[1] < 130e6
        finally:
            tracemalloc.stop()

    def test_too_many(self):
        """At most half of the 10,000 codes, the existing ones included."""
        policy = CodePolicy(alphabet="0123456789", n_random=4)
        old = generate_codes(policy, 3000)
        assert len(generate_codes(policy, 2000, existing=old)) == 2000
        with pytest.raises(InputError, match="at most 5000 with the existing codes; got 5001") as caught:
            generate_codes(policy, 2001, existing=old)
        assert caught.value.name == "n"

    def test_existing_one_that_is_no_code_is_not_shown(self):
        with pytest.raises(InputError) as caught:
            generate_codes(CodePolicy(), 1, existing=["2346-789C-DFG4"])
        assert "789C" not in str(caught.value)
        assert caught.value.name == "existing[0]"
