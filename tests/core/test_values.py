"""Frozen values that hold arrays: copied, checked, read-only, comparable."""

from __future__ import annotations

import copy
import importlib
import inspect
import itertools
import pickle
import pkgutil
import re
from contextlib import suppress
from datetime import date, datetime
from enum import Enum
from typing import Literal

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmvalue
from crmvalue import (
    attribution,
    codes,
    experiments,
    frames,
    funnels,
    journeys,
    loyalty,
    ltv,
    models,
    plots,
    profiles,
    promotions,
    purchases,
    segmentation,
)
from crmvalue._core.checks import as_fraction, as_items, as_ordered_items
from crmvalue._core.values import (
    array_field,
    checked_field,
    choice_field,
    count_column,
    count_field,
    float_column,
    hand_over,
    interval_field,
    label_column,
    number_column,
    number_field,
    number_table,
    optional,
    read_only,
    require_at_most,
    require_ends,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError
from crmvalue.plots import Picture


@stay_frozen
@attrs.frozen(kw_only=True)
class Columns:
    """A value with one field of each kind."""

    plain: np.ndarray = array_field(default=None)
    number: np.ndarray = float_column("number")
    gaps: np.ndarray = float_column("gaps", missing=True, optional=True)
    spare: np.ndarray = float_column("spare", optional=True)


_OFFER = promotions.Promotion.percent("A", 20, on="order")
_CART = promotions.Cart(lines=[promotions.CartLine(id="1", product="soap", unit_price="1.00")], currency="UAH")
_NBD = models.Nbd(0.385, 12.07, "week")


class TestReadOnly:
    """`read_only`: a read-only copy; an array that its maker hands over is not copied."""

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

    def test_a_locked_array_is_copied(self):
        """Whoever owns it can unlock it."""
        mine = np.array([1, 2])
        mine.flags.writeable = False
        array = read_only(mine)
        mine.flags.writeable = True
        mine[0] = 9
        assert array.tolist() == [1, 2]

    def test_what_is_given_away_is_not_copied(self):
        mine = np.array([1, 2])
        assert read_only(hand_over(mine)).base is mine
        assert not mine.flags.writeable

    @pytest.mark.parametrize(
        "value",
        [
            [1, 2],
            np.array([1, 2]),
            hand_over(np.array([1, 2])),
            hand_over(np.array([[1, 2], [3, 4]])[0]),
            hand_over(np.array([1, 2]).view()),
            hand_over(np.broadcast_to([1, 2], (2,))),
            hand_over(np.frombuffer(bytearray(np.array([1, 2]).tobytes()), dtype=np.int64)),
            hand_over(np.frombuffer(np.array([1, 2]).tobytes(), dtype=np.int64)),
            hand_over(read_only([1, 2])),
        ],
    )
    def test_cannot_be_unlocked(self, value):
        array = read_only(value)
        assert array.tolist() == [1, 2]
        for unlock in (lambda: array.setflags(write=True), lambda: setattr(array.flags, "writeable", True)):
            with pytest.raises(ValueError, match="WRITEABLE"):
                unlock()

    def test_a_view_of_what_can_be_written_to_is_copied(self):
        owner = np.array([[1, 2], [3, 4]])
        array = read_only(hand_over(owner[0]))
        owner[0, 0] = 9
        assert array.tolist() == [1, 2]


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

    @pytest.mark.parametrize("wrong", [[1, np.inf], [1, "2"], 1, [[1]], [1e101], [True]])
    def test_rejections_where_gaps_pass(self, wrong):
        with pytest.raises(InputError) as caught:
            Columns(number=[1], gaps=wrong)
        assert caught.value.name == "gaps"

    def test_what_is_given_away_is_neither_checked_nor_copied(self):
        mine = np.array([np.inf])
        assert Columns(number=hand_over(mine)).number.base is mine

    def test_a_needed_column_has_no_default(self):
        with pytest.raises(TypeError, match="number"):
            Columns()


class TestNumberColumn:
    """`number_column`: numbers of any size, infinite ones only where allowed, never NaN."""

    @staticmethod
    def make(**options):
        return attrs.make_class("Results", {"x": number_column("x", **options)})

    def test_takes_numbers_of_any_size(self):
        mine = np.array([1e-300, -1e300])
        column = self.make()(x=mine).x
        np.testing.assert_array_equal(column, mine)
        assert not np.shares_memory(column, mine)
        assert not column.flags.writeable
        assert self.make()(x=[1, 2]).x.dtype == np.float64

    def test_what_is_too_large_is_infinite_where_that_is_allowed(self):
        assert self.make(infinite=True)(x=[4.1e306, -1.1e300, 1e300]).x.tolist() == [np.inf, -np.inf, 1e300]
        assert attrs.make_class("Results", {"x": number_field("x", infinite=True)})(x=-4.1e306).x == -np.inf
        with pytest.raises(InputError, match="of a magnitude up to"):
            self.make()(x=[4.1e306])

    def test_infinity_where_allowed(self):
        assert self.make(infinite=True)(x=[np.inf]).x[0] == np.inf
        with pytest.raises(InputError, match="`x` must be a finite number; got inf at index 1"):
            self.make()(x=[1, np.inf])

    def test_none_where_it_is_the_default(self):
        assert self.make(default=None)().x is None
        with pytest.raises(InputError):
            self.make()(x=None)

    @pytest.mark.parametrize("wrong", [[np.nan], ["1"], [[1.0]], 1.0, [True, 1], [1, None], [[1], [1, 2]]])
    @pytest.mark.parametrize("infinite", [True, False])
    def test_rejections(self, wrong, infinite):
        with pytest.raises(InputError, match="`x` must be"):
            self.make(infinite=infinite)(x=wrong)


class TestNumberField:
    """`number_field`: one computed number of any size."""

    @staticmethod
    def make(**options):
        return attrs.make_class("Results", {"x": number_field("x", **options)})

    @pytest.mark.parametrize("value", [0, 1e-300, -1e300, np.float32(2), np.int8(3)])
    def test_takes_numbers_of_any_size(self, value):
        number = self.make()(x=value).x
        assert type(number) is float
        assert number == value

    def test_none_where_it_is_the_default(self):
        assert self.make(default=None)().x is None
        with pytest.raises(InputError):
            self.make()(x=None)

    @pytest.mark.parametrize("wrong", [np.nan, "1", [1.0], np.array([1.0, 2.0]), True, np.True_, 1j, {}, 10**400])
    @pytest.mark.parametrize("infinite", [True, False])
    def test_rejections(self, wrong, infinite):
        with pytest.raises(InputError, match="`x` must be"):
            self.make(infinite=infinite)(x=wrong)

    @pytest.mark.parametrize(
        ("options", "good", "bad", "rule"),
        [
            ({}, 1e300, np.inf, "a number, finite; got inf"),
            ({}, -1e300, -1.1e300, "of a magnitude up to 1e\\+300; got -1.1e"),
            ({"infinite": True}, -np.inf, np.nan, "a number; got nan"),
            ({"low": 0.0}, 0.0, -1e-300, ">= 0, finite; got -1e-300"),
            ({"low": 0.0, "infinite": True}, np.inf, -1.0, ">= 0; got -1.0"),
            ({"low": -1.0, "high": 1.0}, -1.0, 1.1, r"in \[-1, 1\]; got 1.1"),
        ],
    )
    def test_ranges(self, options, good, bad, rule):
        assert self.make(**options)(x=good).x == good
        with pytest.raises(InputError, match=f"`x` must be {rule}"):
            self.make(**options)(x=bad)


class TestNumberTable:
    """`number_table`: the same in more dimensions; missing numbers and infinities only where they are allowed."""

    def test_takes_its_dimensions(self):
        table = attrs.make_class("Results", {"x": number_table("x", 2, missing=True)})
        np.testing.assert_array_equal(table(x=[[1, np.nan]]).x, [[1, np.nan]])
        for wrong in ([1], [[np.inf]], [[[1]]], [["1"]], [[1], [1, 2]], None):
            with pytest.raises(InputError, match="`x` must be"):
                table(x=wrong)

    def test_of_any_shape_is_no_single_number(self):
        """One number in place of an array was an error of numpy: "Cannot set flags on array scalars"."""
        table = attrs.make_class("Results", {"x": number_table("x", None)})
        np.testing.assert_array_equal(table(x=[[[1, 2]]]).x, [[[1, 2]]])
        for wrong in (1, 1.5, np.array(2.0)):
            with pytest.raises(InputError, match="`x` must be an array of numbers"):
                table(x=wrong)


class TestCountColumn:
    """`count_column`: whole numbers >= 0, one a row."""

    def test_takes_and_refuses(self):
        counts = attrs.make_class("Results", {"x": count_column("x")})
        assert counts(x=[1.0, 2]).x.dtype == np.int64
        for wrong in ([-1], [0.5], [np.nan], ["1"], [[1]], 1, [True], [2**53 + 1], np.array([2**53 + 1])):
            with pytest.raises(InputError, match="`x` must be"):
                counts(x=wrong)


class TestNarrowFloats:
    """Floats of 16 and 32 bits, which do not reach the bounds of a field, give no warning of numpy."""

    def test_counts_and_intervals(self):
        fields = {"n": whole_table("n"), "ends": interval_field("ends")}
        value = attrs.make_class("Results", fields)(
            n=np.array([0, 3], dtype=np.float16), ends=np.array([-1, np.inf], dtype=np.float32)
        )
        assert value.n.tolist() == [0, 3]
        assert tuple(value.ends) == (-1, np.inf)


class TestMissingLabels:
    """A label of numpy's text that is missing is no label; it was written to JSON that does not read back."""

    @pytest.mark.parametrize("nothing", [None, np.nan])
    def test_are_refused(self, nothing):
        table = attrs.make_class("Results", {"name": label_column("name")})
        kind = np.dtypes.StringDType(na_object=nothing)
        assert table(name=np.array(["a", "b"], dtype=kind)).name.tolist() == ["a", "b"]
        with pytest.raises(InputError, match="`name` must be a column of labels"):
            table(name=np.array(["a", nothing], dtype=kind))


def test_days_beside_texts_stay_days():
    table = attrs.make_class("Results", {"name": label_column("name")})
    day, moment = np.datetime64("2024-01-02"), np.datetime64("2024-01-02T03:04")
    found = table(name=np.array(["a", day, moment], dtype=object)).name.tolist()
    assert found == ["a", date(2024, 1, 2), datetime(2024, 1, 2, 3, 4)]
    assert type(found[1]) is date


def test_properties_take_numbers_next_to_0_as_0():
    @stay_frozen
    @attrs.frozen
    class Results:
        x = number_column("x")
        square = property(lambda self: self.x**2)

    with np.errstate(all="raise"):
        assert Results(x=[1e-200, 2.0]).square.tolist() == [0.0, 4.0]


class TestOptional:
    """`optional`: None passes, anything else is checked under the same name."""

    @staticmethod
    def outcome(check, value):
        try:
            return check("n", value)
        except InputError as error:
            return str(error)

    @given(st.floats() | st.floats(0, 1) | st.text(max_size=3) | st.lists(st.floats(), max_size=2))
    def test_equals_the_check(self, value):
        assert self.outcome(optional(as_fraction), value) == self.outcome(as_fraction, value)

    def test_in_a_field(self):
        terms = attrs.make_class("Terms", {"n": checked_field("n", optional(as_fraction), default=None)})
        assert terms().n is None
        assert terms(n=None).n is None
        assert terms(n=0.25).n == 0.25
        with pytest.raises(InputError, match="`n` must be in"):
            terms(n=2)


class TestCheckedField:
    """`checked_field`: what a check takes, under the name of the field."""

    def test_takes_and_refuses(self):
        terms = attrs.make_class("Terms", {"n": checked_field("n", as_fraction, default=0.5)})
        assert (terms().n, terms(n=0.25).n) == (0.5, 0.25)
        with pytest.raises(InputError, match="`n` must be in"):
            terms(n=2)


class TestChoiceField:
    """One of some words, or of those of a Literal."""

    @pytest.mark.parametrize("choices", [("day", "week"), {"day": 1, "week": 7}, Literal["day", "week"]])
    def test_takes_and_refuses(self, choices):
        made = attrs.make_class("Made", {"unit": choice_field("unit", choices)})
        assert made("week").unit == "week"
        assert type(made(Enum("Unit", {"A": "week"}, type=str).A).unit) is str
        for wrong in ("year", None, 1, ["day"]):
            with pytest.raises(InputError, match=r"`unit` must be one of 'day', 'week'; got"):
                made(wrong)

    def test_none_where_it_is_the_default(self):
        made = attrs.make_class("Made", {"unit": choice_field("unit", ("day", "week"), default=None)})
        assert (made().unit, made("day").unit) == (None, "day")
        with pytest.raises(InputError, match="`unit`"):
            made("year")


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

    def test_long_lists_of_texts_are_shown_short(self):
        checked = profiles.check_names(["Ann"] * 10_000, ["Ann"])
        assert "name=('Ann', 'Ann', 'Ann', ..., 'Ann', 'Ann', 'Ann')" in repr(checked)
        assert len(repr(checked)) < 300
        due = journeys.Cascade().due(["2024-01-31"] * 10_000, "2024-09-30")
        assert len(repr(due)) < 500
        counts = funnels.funnel_conversion([[2, 1]] * 10_000, by=[f"group {i}" for i in range(10_000)])
        assert "groups=('group 0', 'group 1', 'group 2', ..., 'group 9997', 'group 9998', 'group 9999')" in repr(counts)
        assert "name=('Ann', 'Ann')" in repr(profiles.check_names(["Ann", "Ann"], ["Ann"]))

    def test_evolve_keeps_what_is_not_changed(self):
        value = Columns(number=[1, 2], gaps=[np.nan])
        changed = attrs.evolve(value, number=[3])
        assert changed.number.tolist() == [3.0]
        np.testing.assert_array_equal(changed.gaps, value.gaps)


class TestCountField:
    """`count_field`: a whole number of at least `low`, checked under the name of the field."""

    def test_takes_and_refuses(self):
        counts = attrs.make_class("Counts", {"n": count_field("n", low=1, default=3)})
        assert counts().n == 3
        assert type(counts(n=np.float64(2)).n) is int
        with pytest.raises(InputError, match="`n` must be a whole number >= 1"):
            counts(n=0)


NO_TABLES = {"Fit", "Paths", "PipelineForecast", "RfmBreaks"}
"""Classes with arrays of one length that are no rows of one table.

Parameters of a fit have a covariance, paths are as long as they are, a forecast has tables of its own, and break points
of two scores have nothing to do with each other.
"""

NOT_COMPARED = {segmentation.Column, frames.CustomerFrame, frames.FrameResult}
"""A class whose `==` makes a rule, and two that hold a dataframe of the user, of whatever kind."""


def public_classes():
    """Find all public attrs classes."""
    names = [info.name for info in pkgutil.iter_modules(crmvalue.__path__, "crmvalue.")]
    modules = [importlib.import_module(name) for name in names if not re.search(r"\._", name)]
    things = [getattr(module, name) for module in modules for name in module.__all__]
    return {thing for thing in things if isinstance(thing, type) and attrs.has(thing)}


def each_class():
    classes = sorted(public_classes() - NOT_COMPARED, key=lambda cls: cls.__name__)
    return [pytest.param(cls, id=cls.__name__) for cls in classes]


def values_of(cls):
    """Give the public values of a class; they are made once, when the first test asks for one."""
    found = importlib.import_module("tests.core.public_values")
    return [value for value in found.VALUES if type(value) is cls]


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - it was made here


def arrays_of(value):
    """Give the arrays of a value, those of the values in it included."""
    parts = [getattr(value, field.name) for field in attrs.fields(type(value))]
    parts += [item for part in parts if isinstance(part, dict) for item in part.values()]
    for part in [part for part in parts if isinstance(part, tuple)]:
        rows = itertools.chain.from_iterable(item if isinstance(item, tuple) else [item] for item in part)
        parts += [item for item in rows if isinstance(item, np.ndarray)]
    inner = [array for part in parts if attrs.has(type(part)) for array in arrays_of(part)]
    return [part for part in parts if isinstance(part, np.ndarray)] + inner


def with_members(own):
    """Give a field with members of an enumeration in place of its texts; an array as one of objects."""
    if isinstance(own, str):
        return Enum("Word", {"MEMBER": own}, type=str).MEMBER
    if isinstance(own, dict):
        return {with_members(key): with_members(part) for key, part in own.items()}
    if type(own) is tuple:
        return tuple(map(with_members, own))
    if isinstance(own, np.ndarray) and own.dtype.kind in "OU":
        words = np.empty(own.size, dtype=object)
        words[:] = list(map(with_members, own.ravel().tolist()))
        return words.reshape(own.shape)
    return own


def kinds_of_text(own):
    """Give the types of the texts of a field, at any depth."""
    if isinstance(own, str):
        return {type(own)}
    parts = (*own, *own.values()) if isinstance(own, dict) else own.ravel().tolist() if own_array(own) else own
    return set().union(*map(kinds_of_text, parts)) if isinstance(parts, tuple | list) else set()


def own_array(own):
    return isinstance(own, np.ndarray) and own.dtype.kind in "OU"


class TestPublicValues:
    """Every public value equals its copies, and they are as frozen as it is."""

    def test_none_escapes(self):
        found = importlib.import_module("tests.core.public_values")
        assert {type(value) for value in found.VALUES} == public_classes() - NOT_COMPARED

    @pytest.mark.parametrize("cls", each_class())
    def test_copies_are_equal_and_frozen(self, cls):
        for value, again in itertools.product(values_of(cls), (through_pickle, copy.deepcopy, copy.copy, attrs.evolve)):
            twin = again(value)
            assert type(twin) is cls
            assert (twin == value) is True
            assert (twin != value) is False
            assert value != 5
            for array in (*arrays_of(value), *arrays_of(twin)):
                with pytest.raises(ValueError, match="read-only"):
                    array[:0] = array[:0]
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.flags.writeable = True
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(twin, attrs.fields(cls)[0].name, None)

    @pytest.mark.parametrize("cls", each_class())
    def test_values_with_arrays_equal_no_array(self, cls):
        for value, array in itertools.product(values_of(cls), ([1, 2], [], "ann", [None], [[1.0, 2.0]], 5)):
            if arrays_of(value):
                assert (value == np.array(array)) is False
                assert (np.array(array) == value) is False
                assert (value != np.array(array)) is True

    def test_mappings_inside_cannot_be_changed(self):
        open_ones = {
            f"{type(value).__name__}.{field.name}"
            for value in importlib.import_module("tests.core.public_values").VALUES
            for field in attrs.fields(type(value))
            if type(getattr(value, field.name)) in {dict, list, set}
        }
        assert not open_ones

    @pytest.mark.parametrize("cls", each_class())
    def test_values_with_arrays_say_that_they_have_no_hash(self, cls):
        for value in values_of(cls):
            if arrays_of(value):
                with pytest.raises(TypeError, match=f"unhashable type: '{cls.__name__}'"):
                    hash(value)
            else:
                assert hash(copy.deepcopy(value)) == hash(value)

    @pytest.mark.parametrize("cls", each_class())
    def test_members_of_an_enumeration_become_texts(self, cls):
        """A member of a (str, Enum) class equals its text, so a field takes it; it keeps the text alone."""
        for value, field in itertools.product(values_of(cls), attrs.fields(cls)):
            own = getattr(value, field.name)
            if field.init and kinds_of_text(own):
                made = attrs.evolve(value, **{field.alias: with_members(own)})
                assert made == value
                for part in attrs.fields(cls):
                    assert kinds_of_text(getattr(made, part.name)) <= {str}, part.name

    def test_the_arrays_given_are_not_kept(self):
        """An array that its owner locked and unlocks again is no way into a value."""
        n_arrays = 0
        for value in importlib.import_module("tests.core.public_values").VALUES:
            fields = [f for f in attrs.fields(type(value)) if f.init]
            for name in [f.name for f in fields if isinstance(getattr(value, f.name), np.ndarray)]:
                mine = getattr(value, name).copy()
                mine.flags.writeable = False
                twin = attrs.evolve(value, **{name: mine})
                assert not np.shares_memory(getattr(twin, name), mine), f"{type(value).__name__}.{name}"
                n_arrays += 1
        assert n_arrays > 100


def test_bytes_of_the_other_order_become_columns_of_every_library():
    log = (np.array([1, 1, 700], dtype=">i8"), ["2024-01-01", "2024-01-02", "2024-01-03"])
    history = purchases.summarise_purchases(*log, as_of="2024-02-01", time_unit="week")
    for backend in ("pandas", "polars", "pyarrow"):
        assert len(history.to_frame(backend)) == 2
    assert history.customer.tolist() == [1, 700]


class Broken:
    """A value whose own code raises, whatever is asked of it."""

    def _raise(self, *_, **__):
        raise RuntimeError("broken")

    __array__ = __len__ = __iter__ = __float__ = __repr__ = __bool__ = __str__ = _raise


class BrokenFloat(float):
    """A number that gives none."""

    __float__ = Broken._raise


class BrokenList(list):
    """A list that cannot be walked."""

    __iter__ = __len__ = __getitem__ = Broken._raise


class BrokenTuple(tuple):
    """A tuple that cannot be walked."""

    __slots__ = ()
    __iter__ = __len__ = __getitem__ = Broken._raise


class BrokenMapping(dict):
    """A mapping that gives nothing."""

    __iter__ = __len__ = __getitem__ = items = keys = values = Broken._raise


class BrokenText(str):
    """A text of which nothing can be asked."""

    __slots__ = ()
    __eq__ = __hash__ = __len__ = __iter__ = __str__ = strip = Broken._raise


class BrokenName(str):
    """A text that can be a key, and cannot be compared."""

    __slots__ = ()
    __eq__ = Broken._raise
    __hash__ = str.__hash__


class BrokenKey:
    """A value that cannot be compared."""

    __eq__ = __hash__ = Broken._raise


UNREADABLE = {
    "a list that raises": lambda: BrokenList(["a"]),
    "a list of lists that raise": lambda: [BrokenList(["a"])],
    "a tuple that raises": lambda: BrokenTuple(["a"]),
    "a mapping that raises": lambda: BrokenMapping(a=1),
    "a mapping with a list that raises": lambda: {"a": BrokenList([1])},
    "a text that raises": lambda: BrokenText("a"),
    "a list of texts that raise": lambda: [BrokenText("a")],
    "a list of keys that raise": lambda: [BrokenKey()],
    "a ragged list": lambda: [[1], [2, 3]],
    "a list in a list": lambda: [["a"], "b"],
    "deep lists": lambda: [[["a"]]],
    "an array of None": lambda: np.array(None, dtype=object),
    "an array of one mapping": lambda: np.array({}),
    "an array of one text": lambda: np.array("x"),
    "ragged objects": lambda: np.array([[1], [2, 3]], dtype=object),
    "a masked value": lambda: np.ma.masked,
    "a list with a masked value": lambda: [np.ma.masked],
    "masked numbers": lambda: np.ma.array([1, 2], mask=[True, False]),
    "a set": lambda: {1, "a"},
    "a mapping": lambda: {"a": [1, [2]]},
    "a generator that raises": lambda: (1 // n for n in (1, 0)),
    "bytes": lambda: [b"x"],
    "records": lambda: np.zeros(2, dtype="i4,f4"),
    "a huge whole number": lambda: [10**400],
    "spans": lambda: np.timedelta64(5, "D"),
    "no number": lambda: [BrokenFloat(1)],
    "what raises": Broken,
    "a list of what raises": lambda: [Broken()],
    "a key that raises": lambda: {BrokenName("a"): 1},
    "an object": object,
}


class TestUnreadable:
    """Whatever a field cannot read is refused with an InputError."""

    @pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE.keys())
    def test_fields_raise_nothing_else(self, make):
        values = {type(value): value for value in importlib.import_module("tests.core.public_values").VALUES}
        others = []
        for cls, value in values.items():
            given_fields = {field.alias: getattr(value, field.name) for field in attrs.fields(cls) if field.init}
            for name in given_fields:
                try:
                    cls(**{**given_fields, name: make()})
                except InputError:
                    continue
                except Exception as error:  # noqa: BLE001 - the test is about these
                    others.append((cls.__name__, name, type(error).__name__))
        assert not others

    @pytest.mark.parametrize("value", [np.ma.masked, np.array({}), np.array([[1], [2, 3]], dtype=object), Broken()])
    def test_methods_and_functions(self, value):
        funnel = funnels.funnel_from_events(
            [1, 1], ["a", "b"], ["2024-01-01", "2024-01-02"], ["a", "b"], as_of="2024-02-01", by=["x", "y"]
        )
        history = purchases.PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[5], time_unit="week")
        lead = funnels.LeadScore(fit=[funnels.FitRule(attribute="n", points=1, at_least=1)])
        calls = {
            "group": lambda: funnel.of_group(value),
            "touches": lambda: attribution.Paths.from_lists(value, [1]),
            "step": lambda: journeys.Cascade(offers=["5 %"], repeat_last=True).offer_of(value),
            "vary": lambda: ltv.ltv_sensitivity(ltv.ltv_simple, {"arpu": 1, "lifetime": 2}, vary=value),
            "month": lambda: funnels.forecast_pipeline([5.0], [0.5], month=[value]),
            "exclude": lambda: funnels.funnel_from_events(
                [1], ["a"], ["2024-01-01"], ["a", "b"], exclude=value, as_of="2024-02-01"
            ),
            "customer": lambda: lead.score([1], attributes={"n": [1]}, as_of="2024-05-31").explain(value),
            "columns['a']": lambda: history.with_covariates({"a": value}),
            "name": lambda: history.covariate(value),
        }
        for name, call in calls.items():
            with pytest.raises(InputError) as caught:
                call()
            assert caught.value.name == name

    def test_lists_and_texts_with_code_of_their_own_are_taken_as_plain_ones(self):
        class Words(list):
            def __iter__(self):
                return iter(["a gift", "a cup"])

        ivan = journeys.Technician("Ivan", districts=Words(["north"]), hours=journeys.BusinessHours())
        assert ivan.districts == ("a gift", "a cup")
        arms = experiments.compare_means([1, 2, 3, 5], ["a", "a", "b", "b"], control=BrokenText("a"))
        assert arms.control == 0

    @pytest.mark.parametrize("value", ["ab", b"ab", bytearray(b"ab"), {"a": 1}, None, 1, np.array("a"), np.ma.masked])
    def test_no_items(self, value):
        with pytest.raises(InputError, match="`names` must be a list of texts"):
            as_items("names", value, "a list of texts")

    @pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), np.array(["a", "b"]), iter("ab"), pd.Series(["a", "b"])])
    def test_items(self, value):
        assert as_items("names", value, "a list of texts") == ["a", "b"]

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda: promotions.split_amount(300, {4000, 2000, 1}), "weights"),
            (lambda: promotions.split_amount(300, [4000, 2000], minima=frozenset({1, 2})), "minima"),
            (lambda: attribution.Paths.from_lists([{"mail", "ads"}], [1]), "touches"),
            (lambda: funnels.Funnel({"visit", "buy"}).count([[20, 10]]), "stages"),
            (lambda: ltv.ltv_segments([1, 2], [0.5, 0.5], [0.1, 0.1], names={"a", "b"}), "names"),
            (lambda: promotions.best_price(_CART, {_OFFER}), "promotions"),
            (lambda: promotions.lint_promotions(frozenset({_OFFER})), "promotions"),
            (lambda: models.Ensemble(models={_NBD}, weights=[1], names=["NBD"]), "models"),
            (lambda: segmentation.Condition("age", "number", "between", {20, 30}), "age between"),
            (lambda: journeys.Policy(caps={journeys.FrequencyCap(messages=1, days=7)}), "caps"),
            (lambda: profiles.MatchRule({"phone", "email"}), "keys"),
            (lambda: codes.CodeRules(channels={"shop", "site"}), "channels"),
            (lambda: plots.compare_attributions({1, 2}), "attributions"),
        ],
    )
    def test_a_set_has_no_order(self, call, name):
        with pytest.raises(InputError, match=r"must be a list or tuple.*a set has no order") as caught:
            call()
        assert caught.value.name == name

    def test_a_set_of_which_each_item_counts_alike_gives_one_result(self):
        events = {f"event {i}" for i in range(20)}
        rule = funnels.FitRule(attribute="source", points=1, equals=events)
        assert rule.equals == tuple(sorted(events))
        log = [1] * 21, [*events, "buy"], ["2024-01-01"] * 21
        label = funnels.funnel_from_events(*log, [events, "buy"], as_of="2024-02-01").stages[0]
        assert label == " or ".join(sorted(events))

    def test_names_in_the_order_of_a_mapping(self):
        assert as_ordered_items("names", {"b": 1, "a": 2}.keys(), "a list of texts") == ["b", "a"]


def test_columns_of_texts_hold_no_numbers():
    """A sentence or a picture of the result joins them, and would break down there."""
    n_refused = 0
    for value in importlib.import_module("tests.core.public_values").VALUES:
        for field in attrs.fields(type(value)):
            column = getattr(value, field.name)
            if "NDArray[np.str_]" not in str(field.type) or not isinstance(column, np.ndarray) or not column.size:
                continue
            with pytest.raises(InputError):
                attrs.evolve(value, **{field.alias: np.arange(column.size).reshape(column.shape)})
            n_refused += 1
    assert n_refused > 40


_MAY_LACK_DAYS = {
    "RollingHoldout.origin", "EventFunnel.step_time", "JourneyRuns.ended", "CascadeState.next_date",
    "InstalledItems.last_visit", "AssignedVisits.start", "TermsInForce.expires", "VisitSchedule.week",
    "WithoutNextStep.last_step", "CartHistory.time",
}  # fmt: skip
"""Columns of days and moments in which NaT has a meaning, which their docstrings say."""


def test_days_that_cannot_lack_are_never_missing():
    n_refused = 0
    for value in importlib.import_module("tests.core.public_values").VALUES:
        for field in attrs.fields(type(value)):
            column = getattr(value, field.name)
            if not field.init or not isinstance(column, np.ndarray) or column.dtype.kind != "M" or not column.size:
                continue
            if f"{type(value).__name__}.{field.name}" in _MAY_LACK_DAYS:
                continue
            with pytest.raises(InputError):
                attrs.evolve(value, **{field.alias: np.full_like(column, "NaT")})
            n_refused += 1
    assert n_refused > 20


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: loyalty.EarnRule(name="x", points=1, level_percent={"gold": "much"}), "level_percent['gold']"),
        (lambda: loyalty.EarnRule(name="x", points=1, only={"brand": "Ajax"}), "only['brand']"),
        (lambda: loyalty.member_effect([True, False], [1, 2], before={"after": ["a", "b"]}), "before['after']"),
        (lambda: loyalty.referred_value([True, False], [1, 2], start={"month": ["a", "b"]}), "start['month']"),
        (lambda: promotions.Cart(lines=[], currency="UAH", tax_rates={"food": "all"}), "tax_rates['food']"),
        (lambda: promotions.Caps(brand_percent={"LUX": "all"}), "brand_percent['LUX']"),
        (lambda: journeys.Choice("city", cases={"Kyiv": 5}, otherwise="end"), "cases['Kyiv']"),
        (lambda: journeys.Split({"ask": "half", "wait": 0.5}), "shares['ask']"),
        (lambda: journeys.Journey("x", entry="y", steps={"hi": journeys.Message(), "by": 7}), "steps['by']"),
        (lambda: journeys.BusinessHours(hours={"Mon-Fri": "9-18"}), "hours['Mon-Fri']"),
        (lambda: journeys.BusinessHours(hours={"Sat": 9}), "hours['Sat']"),
        (lambda: profiles.resolve_profiles([1, 2], {"phone": ["1"]}, ["phone"]), "keys['phone']"),
        (lambda: profiles.resolve_profiles([1], {"tel": ["1"]}, ["tel"], kinds={"tel": "fone"}), "kinds['tel']"),
        (lambda: profiles.contact_quality(["web"], {"tel": ["1"]}, kinds={"tel": "fone"}), "kinds['tel']"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_named_by_argument_and_key(call, name):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.name == name


class TestTables:
    """What has several arrays of one length gives them as columns of a dataframe."""

    def test_none_lacks_its_columns(self):
        lacking = set()
        for value in importlib.import_module("tests.core.public_values").VALUES:
            arrays = [getattr(value, field.name) for field in attrs.fields(type(value))]
            shapes = [array.shape for array in arrays if isinstance(array, np.ndarray) and array.ndim == 1]
            if len(shapes) > 1 and len(set(shapes)) < len(shapes) and not hasattr(value, "to_columns"):
                lacking.add(type(value).__name__)
        assert lacking == NO_TABLES

    @pytest.mark.parametrize("cls", each_class())
    def test_columns_make_both_kinds_of_dataframes(self, cls):
        for value in [value for value in values_of(cls) if hasattr(cls, "to_columns")]:
            columns = value.to_columns()
            assert len({column.shape for column in columns.values()}) == 1
            n_rows = len(next(iter(columns.values())))
            for frame in (pd.DataFrame, pl.DataFrame):
                table = frame(columns)
                assert len(table) == n_rows
                assert list(table.columns) == list(columns)

    def test_columns_of_another_length_are_refused(self):
        """What is accepted gives columns of one length, whichever field has too few rows or too many."""
        n_refused, uneven = 0, []
        for value in importlib.import_module("tests.core.public_values").VALUES:
            if not hasattr(value, "to_columns"):
                continue
            for field in [field for field in attrs.fields(type(value)) if field.init]:
                part = getattr(value, field.name)
                if not isinstance(part, np.ndarray | tuple) or np.ndim(part) == 0 or not len(part):
                    continue
                for other in (part[:0], np.concatenate([part, part]) if isinstance(part, np.ndarray) else part + part):
                    try:
                        twin = attrs.evolve(value, **{field.alias: other})
                    except InputError:
                        n_refused += 1
                        continue
                    if len({column.shape for column in twin.to_columns().values()}) > 1:
                        uneven.append((type(value).__name__, field.name))
        assert uneven == []
        assert n_refused > 300

    def test_a_table_without_rows_is_refused_or_works(self):
        """All columns of one length cut to nothing: an InputError, or a value whose properties and JSON work."""
        broken = []
        for value in importlib.import_module("tests.core.public_values").VALUES:
            fields = [field for field in attrs.fields(type(value)) if field.init]
            parts = {field.alias: getattr(value, field.name) for field in fields}
            columns = {name: part for name, part in parts.items() if isinstance(part, np.ndarray | tuple)}
            columns = {name: part for name, part in columns.items() if np.ndim(part) and not hasattr(part, "_fields")}
            for n in {len(part) for part in columns.values()} - {0}:
                cut = {name: part[:0] for name, part in columns.items() if len(part) == n}
                try:
                    empty = attrs.evolve(value, **cut)
                except InputError:
                    continue
                for name in dir(type(value)):
                    if name.startswith("_") or not isinstance(inspect.getattr_static(value, name), property):
                        continue
                    try:
                        getattr(empty, name)
                    except (InputError, AttributeError):
                        continue
                    except Exception as error:  # noqa: BLE001 - the test is about these
                        broken.append((type(value).__name__, name, repr(error)))
        assert broken == []

    def test_pictures_of_tables_without_rows_are_refused(self):
        """What is accepted without rows has a picture, or refuses to draw one with an InputError."""
        for value in importlib.import_module("tests.core.public_values").VALUES:
            fields = [field for field in attrs.fields(type(value)) if field.init]
            if not hasattr(value, "plot_data") or isinstance(value, Picture):
                continue
            columns = {field.alias: getattr(value, field.name) for field in fields}
            columns = {name: part for name, part in columns.items() if isinstance(part, np.ndarray | tuple)}
            columns = {name: part for name, part in columns.items() if np.ndim(part) and not hasattr(part, "_fields")}
            for n in {len(part) for part in columns.values()} - {0}:
                with suppress(InputError):
                    attrs.evolve(value, **{k: part[:0] for k, part in columns.items() if len(part) == n}).plot_data()


@attrs.frozen(kw_only=True)
class Ends:
    """A value with shares, their ends, counts and days."""

    share: np.ndarray = number_column("share", low=0.0, high=1.0, missing=True)
    low: np.ndarray = number_column("low", missing=True, default=(0.0, 0.0))
    high: np.ndarray = number_column("high", missing=True, default=(1.0, 1.0))
    n_part: int = count_field("n_part", default=0)
    n: int | None = checked_field("n", optional(lambda _, value: value), default=None)

    def __attrs_post_init__(self):
        require_ends(self, "low", "high")
        require_at_most(self, "n_part", "n")


class TestFieldsThatBelongTogether:
    """Shares, ends and parts: a value cannot contradict itself."""

    def test_what_rounding_leaves_passes(self):
        value = Ends(share=[1.0000000000000002, np.nan], low=[0.1 + 0.2, np.nan], high=[0.3, np.nan], n_part=3, n=3)
        assert value.share[0] > 1.0

    def test_none_passes(self):
        assert Ends(share=[0.5, 0.5], n_part=4).n is None

    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ({"share": [0.5, 1.1]}, r"share.*in \[0, 1\]; got 1.1 at index 1"),
            ({"share": [-0.1, 0.5]}, "share.*got -0.1 at index 0"),
            ({"share": [0.5], "low": [2.0, 0.0]}, "low.*at most `high`; got 2.0 at index 0"),
            ({"share": [0.5], "low": [0.0, np.nan]}, "low.*NaN where, and only where.* at index 1"),
            ({"share": [0.5], "n_part": 4, "n": 3}, "n_part.*at most `n`"),
        ],
    )
    def test_contradictions_are_refused(self, fields, named):
        with pytest.raises(InputError, match=named):
            Ends(**fields)
