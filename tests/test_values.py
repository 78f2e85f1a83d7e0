"""Frozen values that hold arrays: copied, checked, read-only, comparable."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._values import array_field, float_column, read_only
from crmvalue.errors import InputError


@attrs.frozen(kw_only=True)
class Columns:
    """A value with one field of each kind."""

    plain: np.ndarray = array_field(default=None)
    number: np.ndarray = float_column("number")
    gaps: np.ndarray = float_column("gaps", missing=True, optional=True)
    spare: np.ndarray = float_column("spare", optional=True)


class TestReadOnly:
    """`read_only`: an array that nobody can write to, copied unless it is one already."""

    @pytest.mark.parametrize("value", [[1, 2], (1, 2), range(1, 3), np.array([1, 2]), np.array([0, 1, 2])[1:]])
    def test_cannot_be_written_to(self, value):
        array = read_only(value)
        assert array.tolist() == [1, 2]
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9

    def test_the_argument_stays_writeable_and_apart(self):
        mine = np.array([1, 2])
        array = read_only(mine)
        mine[0] = 9
        assert mine.flags.writeable
        assert array.tolist() == [1, 2]

    def test_a_locked_view_is_copied(self):
        mine = np.array([1, 2])
        view = mine.view()
        view.flags.writeable = False
        array = read_only(view)
        mine[0] = 9
        assert array.tolist() == [1, 2]

    def test_memory_of_others_is_copied(self):
        mine = bytearray(np.array([1, 2]).tobytes())
        array = read_only(np.frombuffer(memoryview(mine).toreadonly(), dtype=np.int64))
        mine[0] = 9
        assert array.tolist() == [1, 2]

    def test_what_is_read_only_and_its_own_is_not_copied(self):
        array = read_only([1, 2])
        assert read_only(array) is array


class TestFloatColumn:
    """`float_column`: a one-dimensional float64 column, checked under the name of the field."""

    def test_casts_and_copies(self):
        mine = np.array([1, 2])
        value = Columns(number=mine)
        mine[0] = 9
        assert value.number.tolist() == [1.0, 2.0]
        assert value.number.dtype == np.float64
        assert value.plain is not None
        assert value.gaps is value.spare is None

    def test_missing_passes_where_it_is_asked_for(self):
        np.testing.assert_array_equal(Columns(number=[], gaps=[1, None, np.nan]).gaps, [1, np.nan, np.nan])

    @pytest.mark.parametrize("wrong", [[1, np.nan], [1, np.inf], [1, "2"], [1, None], 1, [[1]], [1e101], [True]])
    @pytest.mark.parametrize("name", ["number", "spare"])
    def test_rejections(self, name, wrong):
        with pytest.raises(InputError) as caught:
            Columns(**{"number": [1], name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize("wrong", [[1, np.inf], [1, "2"], 1, [[1]], [1e-101], [True]])
    def test_rejections_where_gaps_pass(self, wrong):
        with pytest.raises(InputError) as caught:
            Columns(number=[1], gaps=wrong)
        assert caught.value.name == "gaps"

    def test_a_needed_column_has_no_default(self):
        with pytest.raises(TypeError, match="number"):
            Columns()


class TestArrayField:
    """`array_field`: equality compares all elements, NaN equal to NaN."""

    @given(
        st.lists(st.floats(1, 2) | st.just(np.nan), max_size=4), st.lists(st.floats(1, 2) | st.just(np.nan), max_size=4)
    )
    def test_equality_is_that_of_lists_of_numbers(self, left, right):
        def words(numbers):
            return [repr(number) for number in numbers]

        same = words(left) == words(right)
        assert (Columns(number=[], gaps=left) == Columns(number=[], gaps=right)) is same
        assert Columns(number=[], gaps=left) == Columns(number=[], gaps=list(left))

    @pytest.mark.parametrize(
        ("left", "right", "same"),
        [
            (["a", "b"], ["a", "b"], True),
            (["a", "b"], ["a", "c"], False),
            (["a"], [1], False),
            ([1], [1.0], True),
            ([1, 2], [1], False),
            ([1], [[1]], False),
            (np.array(["2024-01-01"], dtype="M8[D]"), np.array(["2024-01-01"], dtype="M8[D]"), True),
            (np.array(["2024-01-01"], dtype="M8[D]"), np.array(["2024-01-02"], dtype="M8[D]"), False),
            (np.array(["a", "b"], dtype=object), ["a", "b"], True),
        ],
    )
    def test_equality_of_other_kinds(self, left, right, same):
        assert (Columns(plain=left, number=[]) == Columns(plain=right, number=[])) is same

    def test_nothing_equals_nothing_alone(self):
        assert Columns(number=[1]) == Columns(number=[1])
        assert Columns(number=[1]) != Columns(number=[1], gaps=[])
        assert Columns(number=[1], gaps=[]) != Columns(number=[1])
        assert Columns(number=[1]) != "columns"

    def test_long_arrays_are_shown_short(self):
        shown = repr(Columns(plain=None, number=np.arange(10_000.0)))
        assert "[0.000e+00, 1.000e+00, 2.000e+00, ..., 9.997e+03, 9.998e+03, 9.999e+03]" in shown
        assert "gaps=None" in shown
        assert len(shown) < 200

    def test_evolve_keeps_what_is_not_changed(self):
        value = Columns(number=[1, 2], gaps=[np.nan])
        changed = attrs.evolve(value, number=[3])
        assert changed.number.tolist() == [3.0]
        assert changed.gaps is value.gaps
