"""A walk through every public function: it works, it refuses what it must, and it is documented."""

from __future__ import annotations

import copy
import datetime as dt
import importlib
import inspect
import pkgutil
import re
from collections import UserList
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crmvalue
from crmvalue.errors import ConvergenceError, InputError

WITHOUT_CALL: set[str] = {"load_cdnow"}
"""Functions without arguments."""

IDENTIFIERS = {"segment_customer", "customer", "conversion_customer"}
"""Arguments that may hold numbers and are none."""

RANDOMNESS = {"rng", "seed"}

ANOTHER_QUESTION = {"capacity_per_week"}
"""Arguments of which two mean something else than one: the capacity of each of two weeks."""

SECTIONS = ["Parameters", "Attributes", "Returns", "Raises", "Warns", "See Also", "Notes", "References", "Examples"]
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")


def public_modules():
    """Import the public doors: the modules and packages right under crmvalue that are not private.

    What is inside a package is public only if the package itself offers it.
    """
    names = [info.name for info in pkgutil.iter_modules(crmvalue.__path__, "crmvalue.")]
    return [importlib.import_module(name) for name in names if not re.search(r"\._", name)]


def public_objects():
    """Give each public function and class once, with the name under which it was first found."""
    found = {}
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__.startswith("crmvalue."):
                found.setdefault(id(thing), (f"{module.__name__}.{name}", thing))
    return list(found.values())


MODULES = public_modules()
OBJECTS = public_objects()
FUNCTIONS = {name: thing for name, thing in OBJECTS if inspect.isfunction(thing)}
CLASSES = {name: thing for name, thing in OBJECTS if inspect.isclass(thing)}
CALLS = [
    call
    for path in sorted(Path(__file__).parent.glob("*/calls.py"))
    for call in importlib.import_module(f"tests.{path.parent.name}.calls").CALLS
]


def each_call():
    return [pytest.param(call, id=call.function.__name__) for call in CALLS]


def each_argument(condition=lambda _call, _name: True):
    """Give the numbers and dates of every call, those alone for which a test has something to try."""
    return [
        pytest.param(call, name, id=f"{call.function.__name__}-{name}")
        for call in CALLS
        for name in sorted({*call.out_of_range, *call.unbounded})
        if condition(call, name)
    ]


def columns_beside(call, name):
    """Give the lists that are as long as this one, itself included."""
    valid = call.given.get(name)
    return {
        other
        for other, value in call.given.items()
        if isinstance(valid, list) and isinstance(value, list) and len(value) == len(valid)
    }


def has_company(call, name):
    return len(columns_beside(call, name)) > 1


def is_scalar(call, name):
    valid = call.given.get(name)
    return valid is not None and not isinstance(valid, list) and name not in ANOTHER_QUESTION


def first(value):
    """Give the first element of a nested list, or the scalar itself."""
    while isinstance(value, list):
        value = value[0]
    return value


def with_first(value, wrong):
    """Give a copy of a nested list with its first element replaced, or the replacement for a scalar."""
    return [with_first(value[0], wrong), *value[1:]] if isinstance(value, list) else wrong


def depth(value):
    return 1 + depth(value[0]) if isinstance(value, list) else 0


def is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def is_date(value):
    return isinstance(value, dt.date | np.datetime64) or (isinstance(value, str) and bool(ISO_DATE.fullmatch(value)))


def holds_dates(call, name):
    valid = first(call.given.get(name))
    return is_date(valid) or (valid is None and isinstance(call.out_of_range.get(name), str))


def wrong_values(call, name):
    """Give every single value that the argument must refuse."""
    if holds_dates(call, name):
        yield "not a date"
        if name not in call.missing_allowed:
            yield np.datetime64("NaT", "D")
    else:
        yield from (np.inf, -np.inf, "text")
        if name not in call.missing_allowed:
            yield np.nan
    if name in call.out_of_range:
        yield call.out_of_range[name]


def is_same(value, wrong):
    if isinstance(wrong, np.datetime64):
        return str(value) == str(wrong)
    if isinstance(wrong, str) and is_date(wrong):  # a day that was checked as a point in time
        return str(value).removesuffix("T00:00:00.000000") == wrong
    return value == wrong or (isinstance(wrong, float) and np.isnan(wrong) and np.isnan(value))


def refusal(call, **changes):
    """Call with changed arguments and give the InputError, or fail."""
    with pytest.raises(InputError) as caught:
        call.function(**{**call.arguments, **changes})
    return caught.value


class Locked:
    """An object of which each attribute raises, such as one whose connection is closed."""

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")


class LockedList(UserList):
    """A list of which each other attribute raises."""

    def __getattr__(self, name):
        raise AttributeError(name) if name.startswith("__") else RuntimeError(f"no {name}")


class TestCalls:
    """Every public function has one valid call, and every number and date in it is tried with wrong values."""

    def test_no_function_escapes(self):
        for name, function in FUNCTIONS.items():
            n_calls = sum(call.function is function for call in CALLS)
            if function.__name__ in WITHOUT_CALL:
                assert not inspect.signature(function).parameters, name
            else:
                assert n_calls == 1, name

    def test_no_call_is_of_something_else(self):
        for call in CALLS:
            assert call.function in FUNCTIONS.values(), call.function.__name__

    @pytest.mark.parametrize("call", each_call())
    def test_no_argument_escapes(self, call):
        """Numbers and dates are recognised by their valid value, their default or their annotation."""
        tried = {*call.out_of_range, *call.unbounded}
        for name, parameter in inspect.signature(call.function).parameters.items():
            valid = first(call.given.get(name, parameter.default))
            numeric = is_number(valid) or is_date(valid)
            described = valid is None and re.search(r"ArrayLike|float|int\b", str(parameter.annotation))
            if (numeric or described) and name not in IDENTIFIERS | RANDOMNESS:
                assert name in tried, f"{name} is tried with no wrong value"
        assert tried <= {*inspect.signature(call.function).parameters}
        assert not {*call.out_of_range} & call.unbounded
        assert call.missing_allowed <= {*inspect.signature(call.function).parameters}

    @pytest.mark.parametrize("call", each_call())
    def test_works_and_leaves_its_arguments_alone(self, call):
        arguments = copy.deepcopy(call.arguments)
        assert call.function(**arguments) is not None
        for name, value in call.given.items():
            if isinstance(value, list):
                assert arguments[name] == value

    @pytest.mark.parametrize(("call", "name"), each_argument())
    def test_refuses_wrong_values(self, call, name):
        valid = call.arguments.get(name)
        index = {0: None, 1: 0}.get(depth(valid), (0,) * depth(valid))
        for wrong in wrong_values(call, name):
            error = refusal(call, **{name: with_first(valid, wrong)})
            assert error.name == name, f"{wrong!r}: {error}"
            assert error.index == index, f"{wrong!r}: {error}"
            assert is_same(error.value, wrong), f"{wrong!r}: {error}"
            assert error.rule

    @pytest.mark.parametrize(("call", "name"), each_argument(has_company))
    def test_refuses_arrays_that_do_not_go_together(self, call, name):
        valid = call.arguments[name]
        error = refusal(call, **{name: [*valid, valid[-1]]})
        assert error.name in columns_beside(call, name)
        assert error.rule

    @pytest.mark.parametrize(("call", "name"), each_argument(is_scalar))
    def test_takes_two_scalars_at_once_or_refuses_them(self, call, name):
        """A scalar argument either broadcasts, and then an array equals the loop of scalars, or refuses an array."""
        valid = call.arguments[name]
        try:
            both = call.function(**{**call.arguments, name: [valid, valid]})
        except InputError as error:
            assert error.name == name  # noqa: PT017 - a refusal is one of the two right answers
            return
        one = call.function(**call.arguments)
        if isinstance(one, float):
            np.testing.assert_array_equal(both, [one, one])
        else:
            assert both == one

    @pytest.mark.parametrize(("call", "name"), each_argument())
    def test_refuses_ragged_lists_and_nonsense(self, call, name):
        for wrong in ([[1.0, 2.0], [3.0]], {"a": 1}, object()):
            assert refusal(call, **{name: wrong}).name == name

    @pytest.mark.parametrize("call", each_call())
    def test_what_raises_by_its_own_code_is_refused(self, call):
        """An object that answers each question for an attribute with another error than AttributeError."""
        for name, given in call.given.items():
            for hostile in (
                Locked(),
                [Locked()],
                {"a": Locked()},
                LockedList(given if isinstance(given, list) else []),
            ):
                with suppress(InputError, ConvergenceError):
                    call.function(**{**call.arguments, name: hostile})


ROWS_OF_ANOTHER_KIND = {
    ("npv_dated", "discount_rate"),
    ("without_next_step", "customer"),
    ("campaign_effect", "revenue_treated"),
    ("price_drops", "price_item"),
    ("paths_from_touches", "conversion_customer"),
}
"""Arguments that are as long as others in the call of the walk, by chance: their rows are something else."""


def labelled_columns(call, name):
    """Give all lists of the call as columns of pandas, this one with the labels of the others in another order."""
    columns = {}
    for other in columns_beside(call, name):
        value = call.arguments[other]
        labels = [f"row {i}" for i in range(len(value))]
        columns[other] = pd.Series(value, index=labels[::-1] if other == name else labels)
    return columns


def each_labelled_argument():
    return [
        pytest.param(call, name, id=f"{call.function.__name__}-{name}")
        for call in CALLS
        for name in sorted(call.given)
        if has_company(call, name) and (call.function.__name__, name) not in ROWS_OF_ANOTHER_KIND
    ]


class TestLabelledColumns:
    """Columns of pandas whose labels stand in different orders are never matched by position."""

    @pytest.mark.parametrize(("call", "name"), each_labelled_argument())
    def test_other_order_is_refused_or_matched_by_name(self, call, name):
        columns = labelled_columns(call, name)
        try:
            found = call.function(**{**call.arguments, **columns})
        except InputError:
            return
        by_position = call.function(**{**call.arguments, **{key: column.to_numpy() for key, column in columns.items()}})
        assert repr(found) != repr(by_position)


WRONG_WORDS = re.compile(
    r"(?<![\d.,])1 (?!was|is|has)([a-z]+-[a-z]+ |open )?[a-z]+[^s\W]s\b|\bnan\b|\binf\b|np\.|e-\d\d\d"
)
"""One thing in the plural, and floats that no reader knows."""


class TestSentences:
    """One thing is no things, and nan and inf are said in words, for few rows as well as for many."""

    @pytest.mark.parametrize("n", [1, 2, None])
    @pytest.mark.parametrize("call", each_call())
    @pytest.mark.filterwarnings("ignore::crmvalue.errors.DataWarning")
    def test_numbers_in_words(self, call, n):
        cut = {name: value[:n] if isinstance(value, list) else value for name, value in call.arguments.items()}
        try:
            result = call.function(**copy.deepcopy(cut))
        except (InputError, ConvergenceError):
            return  # so few rows are refused
        texts = [getattr(result, name, "") for name in ("conclusion", "caution")]
        texts += result.statements() if hasattr(result, "statements") else []
        assert [text for text in texts if WRONG_WORDS.search(text)] == []


def sections_of(thing):
    """Give the numpydoc sections of a docstring in their order, with their text."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}$", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(text):
    """Give the names that a Parameters section describes."""
    found = re.findall(r"^\*{0,2}(\w+(?:, \*{0,2}\w+)*)(?: : .+)?$", text, flags=re.MULTILINE)
    return [name for line in found for name in re.split(r", \**", line)]


class TestDocumentation:
    """Every public module, function and class says what it is, in numpydoc's sections and in their order."""

    @pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
    def test_module_says_what_it_offers(self, module):
        assert inspect.getdoc(module)
        assert len(module.__all__) == len(set(module.__all__)) > 0
        assert all(hasattr(module, name) for name in module.__all__)
        assert not [name for name in module.__all__ if name.startswith("_")]

    def test_the_package_maps_its_modules(self):
        mapped = re.findall(r"^`(crmvalue\.\w+)`", crmvalue.__doc__, flags=re.MULTILINE)
        assert sorted(mapped) == sorted(module.__name__ for module in MODULES)

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_function(self, name):
        function = FUNCTIONS[name]
        sections = sections_of(function)
        parameters = list(inspect.signature(function).parameters)
        assert list(sections) == [section for section in SECTIONS if section in sections]
        assert "Examples" in sections
        assert ">>> " in sections["Examples"]
        assert "Returns" in sections
        if parameters:
            assert sorted(described(sections["Parameters"])) == sorted(parameters)
        if any(call.function is function and (call.out_of_range or call.unbounded) for call in CALLS):
            assert "InputError" in sections["Raises"]

    @pytest.mark.parametrize("name", CLASSES)
    def test_class(self, name):
        cls = CLASSES[name]
        sections = sections_of(cls)
        assert inspect.getdoc(cls)
        assert list(sections) == [section for section in SECTIONS if section in sections]
        if issubclass(cls, Warning):
            return
        fields = {*inspect.signature(cls).parameters}
        assert fields <= {*described(sections.get("Parameters", "")), *described(sections.get("Attributes", ""))}
        if not issubclass(cls, Exception):
            assert ">>> " in sections["Examples"]

    def test_methods(self):
        """Methods, properties and class methods of public classes, inherited ones included, have a docstring."""
        for name, cls in CLASSES.items():
            for attribute, thing in inspect.getmembers_static(cls):
                is_method = inspect.isfunction(thing) or isinstance(thing, property | classmethod | staticmethod)
                if is_method and not attribute.startswith("_"):
                    assert inspect.getdoc(thing), f"{name}.{attribute}"

    def test_no_two_summaries_are_the_same(self):
        summaries = [(inspect.getdoc(thing) or "").split("\n")[0] for _, thing in OBJECTS]
        assert sorted(summaries) == sorted(set(summaries))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=call.function.__name__)
        for call in CALLS
        if "level" in inspect.signature(call.function).parameters and "level" in call.out_of_range
    ],
)
@pytest.mark.parametrize("level", [np.nextafter(1.0, 0.0), 1.2e-16])
def test_levels_next_to_0_and_1_give_no_warning_of_numpy(call, level):
    """Warnings are errors here: an infinite quantile times 0 was one. A level may be refused."""
    refused = "level"
    try:
        call.function(**call.arguments | {"level": level})
    except InputError as error:
        refused = error.name
    assert refused in {"level", "n_draws", "denominator"}  # the last two need more draws, or more customers
