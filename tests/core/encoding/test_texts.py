"""Columns of texts in every form: the distinct texts in ascending order, and each row's place among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue._core.encoding.customers import as_words, encode_customers
from crmvalue._core.encoding.texts import encode_column, encode_items, encode_matrix
from crmvalue._core.labels import counted
from crmvalue.errors import InputError

SURROGATES = set(map(chr, (0xD800, 0xDC00)))

plain = st.text(st.sampled_from("abc0123456789-"), max_size=20)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
mixed = st.text(
    st.sampled_from(["a", "0", "é", "ж", "ї", "€", "\U0001f600", "\0", "\ud800", "\udc00", " "]), max_size=12
)
long = st.builds(lambda text, n: text * n, st.text("abж", min_size=1, max_size=3), st.integers(1, 3000))
prefixes = st.sampled_from(["", "C-", "customer_00000000", "клієнт-", "x" * 70])


@st.composite
def columns(draw):
    """Rows of texts of one kind, some of them again and again, with a prefix and of one length or several."""
    kind = draw(st.sampled_from([plain, anything, mixed, plain | long]))
    prefix = draw(prefixes)
    texts = [prefix + text for text in draw(st.lists(kind, min_size=1, max_size=30))]
    if draw(st.booleans()):
        width = max(map(len, texts))
        texts = [text.ljust(width, "0") for text in texts]
    return texts + draw(st.lists(st.sampled_from(texts), max_size=30))


def forms_of(texts):
    """Make every form that can hold the texts, with the function that encodes it."""
    yield "list", encode_items, texts
    yield "tuple", encode_items, tuple(texts)
    if not any(text.endswith("\0") for text in texts):
        yield "numpy", encode_matrix, np.array(texts)
        yield "numpy's texts", encode_items, [np.str_(text) for text in texts]
        yield "numpy strided", encode_matrix, np.repeat(np.array(texts), 2)[::2]
        yield "numpy wider", encode_matrix, np.array(texts, dtype=f"U{max(map(len, texts)) + 3}")
        yield "numpy big-endian", encode_matrix, np.array(texts).astype(np.array(texts).dtype.newbyteorder(">"))
    if any(SURROGATES & set(text) for text in texts):  # no UTF-8 holds them
        return
    arrow = pa.array(texts, pa.string())
    yield "arrow", encode_column, arrow
    yield "arrow large", encode_column, pa.array(texts, pa.large_string())
    yield "arrow view", encode_column, pa.array(texts, pa.string_view())
    yield "arrow slice", encode_column, pa.array(["zж", *texts, "y"])[1:-1]
    yield "arrow chunks", encode_column, pa.chunked_array([arrow[:1], arrow[1:]])
    yield "arrow one chunk", encode_column, pa.chunked_array([arrow])
    yield "arrow dictionary", encode_column, pa.array(["zz", *texts]).dictionary_encode()[1:]
    yield (
        "arrow chunks of dictionaries",
        encode_column,
        pa.chunked_array([arrow[:1].dictionary_encode(), arrow[1:].dictionary_encode()]),
    )
    yield "polars", encode_column, pl.Series(texts)
    yield "polars slice", encode_column, pl.Series(["zz", *texts])[1:]
    yield "polars categorical", encode_column, pl.Series(texts, dtype=pl.Categorical)
    yield "polars enum", encode_column, pl.Series(texts, dtype=pl.Enum(sorted(set(texts) | {"zz"}, reverse=True)))
    yield "pandas", encode_column, pd.Series(texts, index=range(5, 5 + len(texts)))
    yield "pandas index", encode_column, pd.Index(texts)
    yield "pandas python", encode_column, pd.Series(texts, dtype="string[python]")
    yield "pandas arrow", encode_column, pd.Series(texts, dtype=pd.ArrowDtype(pa.string()))
    yield "pandas category", encode_column, pd.Series(texts, dtype="category")
    yield "pandas category with more", encode_column, pd.Series(pd.Categorical(texts, ["zz", *set(texts) - {"zz"}]))


class TestTexts:
    """`encode_column`, `encode_items`, `encode_matrix`: the same as sorting the set of the rows."""

    @given(columns())
    @example(["a\0b", "a", "a\0c", "ab"])
    @example(["\ud800", "\uffff", "\U0001f600", "\udc00"])
    @example(["é", "zz", "z"])
    @example(["a" * 4097, "a" * 4096])
    @example([f"user-{i // 3:03}-of-{i % 3}" for i in range(300)])
    @example([f"{'p' * (i % 70)}{i % 7}" for i in range(300)])
    def test_every_form(self, texts):
        distinct = sorted(set(texts))
        place = {text: i for i, text in enumerate(distinct)}
        longest = max(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        served = not any(text.endswith("\0") for text in texts) and longest + 3 <= 256 and any(texts)
        for name, encode, column in forms_of(texts):
            found = encode(column)
            assert found is not None or not served, name
            if found is not None:
                assert found[0].tolist() == distinct, name
                assert found[0].dtype == np.array(distinct).dtype, name
                assert found[0].base is None, name  # a result takes it over without a copy
                assert found[1].tolist() == [place[text] for text in texts], name
                assert found[1].dtype == np.int64, name

    @given(columns(), st.data())
    def test_every_form_of_customers(self, texts, data):
        """What is not served in whole is encoded one by one, and missing or empty identifiers raise with their row."""
        blank = next((i for i, text in enumerate(texts) if not text.strip()), None)
        for name, _, column in forms_of(texts):
            if blank is not None:
                with pytest.raises(InputError, match="not empty") as caught:
                    encode_customers("who", column)
                assert caught.value.index == blank, name
                continue
            distinct, code = encode_customers("who", column)
            assert distinct.tolist() == sorted(set(texts)), name
            assert [distinct[i] for i in code.tolist()] == texts, name
        if not any(SURROGATES & set(text) for text in texts) and blank is None:
            row = data.draw(st.integers(0, len(texts)))
            gap = [*texts[:row], None, *texts[row:]]
            for column in (gap, np.array(gap, dtype=object), pa.array(gap), pl.Series(gap), pd.Series(gap)):
                with pytest.raises(InputError, match="not missing") as caught:
                    encode_customers("who", column)
                assert caught.value.index == row

    @given(columns())
    def test_words(self, texts):
        for _, _, column in forms_of(texts):
            if any(not text.strip("\0") for text in texts):  # numpy drops null characters at the end of a text
                with pytest.raises(InputError, match="not empty"):
                    as_words("word", column)
            else:
                words, code = as_words("word", column)
                assert words == sorted(set(texts))
                assert [words[i] for i in code.tolist()] == texts

    def test_a_missing_word_of_pandas(self):
        """Pandas' NA equals nothing, not even itself."""
        for column in (["a", pd.NA], pd.array(["a", None], dtype="string")):
            with pytest.raises(InputError, match="not empty or missing") as caught:
                as_words("word", column)
            assert caught.value.index == 1

    def test_many_rows(self):
        """Beyond the parts in which texts are joined and packed."""
        number = np.random.default_rng(3).integers(0, 20_000, 40_000)
        for texts in ([f"order-{i:09}-of-2024" for i in number], [f"клієнт-{i}" for i in number]):
            distinct, code = np.unique(np.array(texts), return_inverse=True)
            for name, encode, column in forms_of(texts):
                found = encode(column)
                np.testing.assert_array_equal(found[0], distinct, err_msg=name)
                np.testing.assert_array_equal(found[1], code, err_msg=name)

    def test_other_columns_are_left_to_others(self):
        assert encode_items([]) is None
        assert encode_items(["a", 1]) is None
        assert encode_matrix(np.array([], dtype="U3")) is None
        for column in (
            np.array([1]),
            pa.array([1]),
            pa.array([b"a"]),
            pa.array(["a", None]),
            pa.array([], pa.string()),
            pa.array([1]).dictionary_encode(),
            pa.array([None]),
            pl.Series([1]),
            pl.Series(["a", None]),
            pl.Series([["a"]]),
            pd.Series([1]),
            pd.Series(["a", None]),
            pd.Series([1], dtype="category"),
            pd.Series(["a", None], dtype="category"),
            pd.DataFrame({"a": ["b"]}),
            pl.DataFrame({"a": ["b"]}),
            pa.table({"a": ["b"]}),
            pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], "i4")), pa.py_buffer(b"\xff")]),
            "text",
            None,
        ):
            assert encode_column(column) is None


class TestCounted:
    """One thing is written in the singular, any other number in the plural."""

    @pytest.mark.parametrize(("n", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")])
    def test_adds_an_s(self, n, text):
        assert counted(n, "row") == text

    def test_takes_the_plural_that_is_given(self):
        assert [counted(n, "customer begins", "customers begin") for n in (1, 2)] == [
            "1 customer begins", "2 customers begin",
        ]  # fmt: skip
