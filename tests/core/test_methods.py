"""Methods of all public values refuse what they cannot read with an InputError, as functions do."""

from __future__ import annotations

import importlib
import inspect
from decimal import Decimal
from fractions import Fraction

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmvalue.errors import ConvergenceError, InputError


class Broken:
    """A value whose own code raises, whatever is asked of it."""

    def _raise(self, *_, **__):
        raise RuntimeError("broken")

    __array__ = __len__ = __iter__ = __float__ = __repr__ = __bool__ = __str__ = _raise


HOSTILE = {
    "None": lambda: None,
    "a list in a list": lambda: [["a"]],
    "an empty list": list,
    "a mapping": lambda: {"a": 1},
    "mappings": lambda: [{}],
    "an array": lambda: np.array([1, 2]),
    "a table": lambda: np.array([[1, 2], [3, 4]]),
    "no dimension": lambda: np.array(None, dtype=object),
    "records": lambda: np.zeros(2, "i4,f4"),
    "a column": lambda: pd.Series([1, 2], index=["a", "b"]),
    "missing": lambda: pd.NA,
    "no number": lambda: float("nan"),
    "a huge number": lambda: 10**400,
    "huge numbers": lambda: [10**400],
    "no text": lambda: "\ud800",
    "null characters": lambda: ["a\0"],
    "bytes": lambda: b"x",
    "a set": lambda: {1, 2},
    "what raises": Broken,
    "a list of what raises": lambda: [Broken()],
}

NOT_WALKED = {"candidates", "plot", "from_json", "to_frame", "a", "b", "s", "beta"}
"""What needs other values, has a test of its own or makes frames of other packages, and what not every model has."""

FILLERS = (1, "2024-06-01", ["a"])
"""Values of the other arguments that are needed: one of them is of the right kind for most."""


def calls():
    """Give each method of each public value with the arguments that it has."""
    for value in importlib.import_module("tests.core.public_values").VALUES:
        for name in sorted(set(dir(type(value))) - {"plot"}):  # it has a test of its own
            static = inspect.getattr_static(type(value), name)
            if name.startswith("_") or isinstance(static, property) or name == "from_json":
                continue
            method = getattr(value, name)
            if callable(method):
                parameters = inspect.signature(method).parameters.values()
                yield method, [part for part in parameters if part.kind is not part.VAR_KEYWORD]


def arguments(parameters, hostile, value):
    """Give the arguments of a call with one hostile value, for each filler of the others."""
    others = [part for part in parameters if part is not hostile and part.default is part.empty]
    for filler in FILLERS if others else FILLERS[:1]:
        given = {part.name: np.random.default_rng(1) if part.name == "rng" else filler for part in others}
        given[hostile.name] = value
        yield given


def test_they_raise_nothing_else():
    found = set()
    for method, parameters in calls():
        for hostile in parameters:
            for what, make in HOSTILE.items():
                for given in arguments(parameters, hostile, make()):
                    try:
                        method(**given)
                    except (InputError, ConvergenceError):
                        continue
                    except Exception as error:  # noqa: BLE001 - the test is about these
                        found.add((method.__qualname__, hostile.name, what, type(error).__name__))
    assert found == set()


def smaller(value):
    """Give values of each kind that a constructor may take in place of one of its own: nothing, or none of it."""
    if isinstance(value, np.ndarray):
        return [value[:0], *([np.zeros_like(value), np.ones_like(value)] if value.dtype.kind in "iufb" else [])]
    if isinstance(value, bool | int | float):
        return [type(value)(0), type(value)(1)]
    return ["nobody", None] if isinstance(value, str) else [(), value[:1], None] if type(value) is tuple else [None]


def odd_values():
    """Give each public value with one field changed, and with all of its columns empty, if the class takes it."""
    for value in importlib.import_module("tests.core.public_values").VALUES:
        if not attrs.has(type(value)):
            continue
        fields = {field.alias: getattr(value, field.name) for field in attrs.fields(type(value)) if field.init}
        columns = {name: own for name, own in fields.items() if type(own) in (tuple, np.ndarray) and np.ndim(own)}
        each = [{name: other} for name, own in fields.items() for other in smaller(own)]
        for change in [*each, {name: own[:0] for name, own in columns.items()}]:
            try:
                made = attrs.evolve(value, **change)
            except InputError:
                continue
            yield made, sorted(change)


@pytest.mark.slow
def test_what_a_class_takes_its_methods_take():
    found = set()
    for value, changed in odd_values():
        for name in sorted(set(dir(type(value))) - NOT_WALKED):
            static = inspect.getattr_static(type(value), name)
            if name.startswith("_") or (not isinstance(static, property) and not callable(static)):
                continue
            try:
                method = getattr(value, name)
                if callable(method) and all(
                    part.default is not part.empty for part in inspect.signature(method).parameters.values()
                ):
                    method()
            except InputError:  # says what is missing
                continue
            except Exception as error:  # noqa: BLE001 - the test is about these
                found.add((type(value).__qualname__, name, *changed, type(error).__name__))
    assert found == set()


def test_axes_of_a_picture():
    from crmvalue.plots import compare_ltv_to_cac

    picture = compare_ltv_to_cac(["mail", "ads"], [90, 40], [20, 50])
    for what, make in HOSTILE.items():
        if what != "None":
            with pytest.raises(InputError, match="`ax`"):
                picture.plot(make())


@pytest.mark.parametrize("name", ["after", "value", "member", "record", "customer", "time", "source", 5, None, ("a",)])
def test_names_of_columns_are_no_arguments(name):
    from crmvalue.journeys import observed_effect
    from crmvalue.loyalty import attribute_referrals, member_effect, referred_value
    from crmvalue.profiles import contact_quality, resolve_profiles

    number = np.arange(60.0) % 3
    chosen = np.arange(60) % 2 == 0
    calls_with = {
        "before": lambda columns: member_effect(chosen, number, before=columns),
        "start": lambda columns: referred_value(chosen, number, start=columns),
        "traits": lambda columns: observed_effect(chosen, number, past=[number], traits=columns),
        "keys": lambda columns: attribute_referrals(
            range(60), [None] * 60, ["2024-01-01"] * 60, paid=number, keys=columns
        ),
        "keys ": lambda columns: resolve_profiles(range(60), columns, [name]),
        "keys  ": lambda columns: contact_quality(["x"] * 60, columns),
    }
    for function in calls_with.values():
        columns = {name: number.astype(int).astype(str) if function in [*calls_with.values()][3:] else number}
        if isinstance(name, str):
            function(columns)
        else:
            with pytest.raises(InputError):
                function(columns)


def test_a_lazy_frame_is_asked_for_nothing():
    """Polars warns where a lazy frame is asked for its columns, and cannot give one of them."""
    from crmvalue import experiments, funnels, metrics

    lazy = pl.LazyFrame({"a": [5, 4], "b": [3, 2]})
    plan = {"start": ["2024-01-01"], "end": ["2024-01-31"], "target": [1.0]}
    for call in (
        lambda: funnels.funnel_conversion(lazy),
        lambda: funnels.fit_lead_score(lazy, [0, 1], rng=np.random.default_rng(1)),
        lambda: experiments.sequential_test(lazy, lazy),
        lambda: metrics.score_drivers([1, 2], lazy),
        lambda: metrics.plan_and_actual(lazy, lazy, as_of="2024-01-10"),
        lambda: metrics.plan_and_actual(plan, lazy, as_of="2024-01-10"),
    ):
        with pytest.raises(InputError, match="collect the lazy frame first"):
            call()


@pytest.mark.parametrize(
    "value", [pd.Series([1, None], dtype="Int64"), pd.DataFrame({"a": [1]}), np.zeros((2, 2)), pd.NA]
)
def test_words_and_mappings_are_checked_before_they_are_compared(value):
    from crmvalue import ltv, models, plots, promotions
    from tests.core.public_values import PRICED

    with pytest.raises(InputError, match="`items` must be"):
        promotions.return_items(PRICED, value, policy="reprice")
    with pytest.raises(InputError, match="`missing` must be"):
        models.rolling_holdout(
            [1], ["2024-01-01"], models=["bg_nbd"], origins=["2024-01-01"], horizon=1, time_unit="week", missing=value
        )
    with pytest.raises(InputError, match="`inputs` must be the arguments of `function`"):
        plots.sensitivity(ltv.ltv_simple, {"arpu": 1.0, "x": 2.0})


@pytest.mark.parametrize("kind", [Fraction, Decimal, np.float16])
def test_numbers_of_other_types(kind):
    from crmvalue import experiments, loyalty
    from tests.core.public_values import POINTS

    half = kind(0.5)
    assert experiments.minimum_detectable_effect_means(10.0, 64, power=half, significance_level=kind(0.25)) == (
        experiments.minimum_detectable_effect_means(10.0, 64, power=0.5, significance_level=0.25)
    )
    assert experiments.sample_size_means(10.0, 5.0, power=half) == experiments.sample_size_means(10.0, 5.0, power=0.5)
    as_of = "2024-03-01"
    assert loyalty.redemption_rates(POINTS, as_of, level=half) == loyalty.redemption_rates(POINTS, as_of, level=0.5)
    with np.errstate(all="raise"), pytest.raises(InputError, match="1 or 0"):
        loyalty.member_effect([True, np.float16(0.5)] * 20, range(40), before={"x": range(40)})


def test_hints_have_no_words_of_python_or_numpy():
    from crmvalue import funnels, ltv, plots

    with pytest.raises(InputError, match="Hint: give a number for each group in each stage"):
        funnels.funnel_conversion({"visit": [20, 10], "buy": [5]})
    with pytest.raises(InputError, match="Hint: it takes arpu, lifetime"):
        plots.sensitivity(ltv.ltv_simple, {"arpu": 1.0, "x": 2.0})
