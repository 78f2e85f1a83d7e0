"""No function touches the state of the process that it runs in, and none depends on the caller's numpy settings."""

from __future__ import annotations

import copy
import importlib
import json
import locale
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import numpy as np
import pytest

from crmvalue.attribution import RemovalEffects
from crmvalue.cohorts import survival_curve
from crmvalue.errors import ConvergenceError, DataWarning, InputError
from crmvalue.experiments import sequential_test
from crmvalue.funnels import LeadScore, Signal, forecast_pipeline
from crmvalue.ltv import CustomerProfits, irr, ltv_npv, npv, npv_dated, payback_periods, split_budget
from crmvalue.metrics import plan_and_actual, resolution_time, response_time, time_to_purchase
from crmvalue.models import Posterior

CALLS = [
    call
    for path in sorted(Path(__file__).parent.glob("*/calls.py"))
    for call in importlib.import_module(f"tests.{path.parent.name}.calls").CALLS
]
each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.function.__name__)

LONG_CALLS = ("customer_values", "format_report", "score_pairs")  # a fifth of a second of the processor and more
each_call_long_ones_slow = pytest.mark.parametrize(
    "call",
    [pytest.param(call, marks=pytest.mark.slow if call.function.__name__ in LONG_CALLS else ()) for call in CALLS],
    ids=lambda call: call.function.__name__,
)
USUAL = {}


def run(call):
    """Call with copies of the arguments, so that every run begins with the same random state."""
    return call.function(**copy.deepcopy(call.arguments))


def usual_of(call):
    """Give the result of a call as nobody disturbs it, worked out once for all tests."""
    if id(call) not in USUAL:
        USUAL[id(call)] = run(call)
    return USUAL[id(call)]


def plain(value):
    """Give a result as nested lists and tuples that compare exactly, NaN equal to NaN."""
    if attrs.has(type(value)):
        return type(value).__name__, [plain(getattr(value, field.name)) for field in attrs.fields(type(value))]
    if isinstance(value, np.ndarray | np.generic):
        return str(value.dtype), np.shape(value), repr(value.tolist())
    if isinstance(value, dict):
        return [(plain(key), plain(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return repr(value)


def host_state():
    """Give what belongs to the whole process, or to the thread that asks."""
    return list(warnings.filters), np.geterr(), locale.setlocale(locale.LC_ALL), dict(os.environ)


class TestNumpySettings:
    """`np.errstate` of the caller neither stops a function nor changes its result."""

    @each_call
    def test_answers_are_the_same(self, call):
        usual = plain(usual_of(call))
        with np.errstate(all="raise"):
            strict = run(call)
        assert plain(strict) == usual

    @each_call
    def test_properties_of_the_result_are_the_same(self, call):
        result = usual_of(call)
        names = [name for name, part in vars(type(result)).items() if isinstance(part, property)]
        usual = [plain(getattr(result, name)) for name in names]
        with np.errstate(all="raise"):
            assert [plain(getattr(result, name)) for name in names] == usual


FAR_NUMBERS = (0, 1e-100, 1e100, 2**53 - 1)
LONG = ("level", "n_draws", "rng", "inflate", "holdout")


def far_arguments(call):
    """Give the arguments of a call with a number far from 1 in place of one number, or of the first one of a column."""
    near = dict(call.arguments)
    if "inflate" in near:  # intervals of values take long
        near = {name: value for name, value in near.items() if name not in LONG}
    for name, value in near.items():
        is_column = isinstance(value, list) and len(value) > 0
        given = value[0] if is_column else value
        if isinstance(given, bool) or not isinstance(given, int | float):
            continue
        for number in FAR_NUMBERS:
            yield {**near, name: [number, *value[1:]] if is_column else number}


def everything(call, arguments):
    """Give a result with its properties, or None if the arguments are refused."""
    try:
        result = call.function(**copy.deepcopy(arguments))
        names = [name for name, part in vars(type(result)).items() if isinstance(part, property)]
        return plain(result), [plain(getattr(result, name)) for name in names]
    except (InputError, ConvergenceError):
        return None


class TestNumbersFarFromOne:
    """`np.errstate` of the caller changes nothing for numbers close to 0, or large, either."""

    @each_call_long_ones_slow
    def test_answers_and_properties_are_the_same(self, call):
        for arguments in far_arguments(call):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)
                usual = everything(call, arguments)
                with np.errstate(all="raise"):
                    assert everything(call, arguments) == usual


LOOKS = sequential_test([[0, 2000]], [[4000, 4000]])
SPREAD = Posterior(names=("purchase.x", "r"), draws=[[-800.0, 1.0], [0.0, 1.0]], weight=[0.1, 0.9])
MONTHS = np.ones(3000)
VANISHING = {
    "forecast of deals hardly ever won": lambda: forecast_pipeline([33.333] * 4, [1e-90] * 4, by=["a"] * 4),
    "time_to_purchase": lambda: time_to_purchase(["2024-01-01"] * 2, ["2024-01-01", "2024-01-05"], as_of="2024-02-01"),
    "response_time": lambda: response_time(["2024-01-01"], ["2024-01-01"], as_of="2024-02-01"),
    "resolution_time": lambda: resolution_time(["2024-01-01"], ["2024-01-01"], as_of="2024-02-01"),
    "conclusion of looks": lambda: LOOKS.conclusion,
    "decided_at of looks": lambda: LOOKS.decided_at,
    "columns of looks": LOOKS.to_columns,
    "picture of looks": LOOKS.to_vega,
    "split_budget": lambda: split_budget(
        100.0,
        spend=[1.0, 1.0],
        n_new=[1e-9, 1e-9],
        value=[1.0, 1.0],
        target_ratio=3.0,
        keep="total",
        elasticity=[0.5, 0.999],
    ),
    "picture of draws": SPREAD.to_vega,
    "picture of survival": survival_curve([1e-3] * 1000 + [1.0], [True] * 1001).to_vega,
    "npv": lambda: npv(MONTHS, 1.0, timing="end"),
    "npv_dated": lambda: npv_dated([-1, 1], ["2000-01-01", "9999-01-01"], 1.0, as_of="2000-01-01"),
    "irr": lambda: irr([-1.0, *MONTHS]),
    "payback_periods": lambda: payback_periods(MONTHS, 1, discount_rate=1.0, timing="end", interpolate=True),
    "ltv_npv": lambda: ltv_npv(MONTHS, 0.5, 1.0, acquisition_cost=1),
    "removal_effect": lambda: (
        RemovalEffects(
            channels=("G",), order=1, n_states=2, n_conversions=4, prob_conversion=0.8, prob_without=[1e-320]
        ).removal_effect
    ),
    "break_even_revenue": lambda: (
        CustomerProfits(
            customer=None, income=[1.0], service_cost=[1e-320], acquisition_cost=[0.0], margin=0.3
        ).break_even_revenue
    ),
    "share of a plan": lambda: (
        attrs.evolve(
            plan_and_actual(
                {"start": ["2024-01-01"], "end": ["2024-01-31"], "target": [100.0]},
                {"date": ["2024-01-02"], "amount": [10.0]},
                as_of="2024-01-10",
            ),
            actual=[1e-320],
        ).share
    ),
    "LeadScore.score": lambda: LeadScore(signals=[Signal(event="seen", points=5, half_life_days=1)]).score(
        [1], events=([1], ["seen"], ["2000-01-01"]), as_of="2024-03-01"
    ),
}


class TestNumbersThatVanish:
    """`np.errstate` of the caller stops no function where a number is so close to 0 that it becomes 0."""

    @pytest.mark.parametrize("name", VANISHING)
    def test_answers_are_the_same(self, name):
        usual = plain(VANISHING[name]())
        with np.errstate(all="raise"):
            assert plain(VANISHING[name]()) == usual

    def test_a_value_with_a_bound_next_to_0(self):
        """The error is that of the value, not of numpy."""
        curve = survival_curve([1, 2, 2], [True, False, True])
        with np.errstate(all="raise"), pytest.raises(InputError, match="`low` must be at most `high`"):
            attrs.evolve(curve, high=np.full_like(curve.high, 5e-324))

    @pytest.mark.slow
    def test_any_value_with_a_number_next_to_0(self):
        """Each field of each class: the value is refused, or its properties and picture are the same."""
        for value, changes in values_next_to_0():
            usual = shown(value, changes)
            with np.errstate(all="raise"):
                assert shown(value, changes) == usual, (type(value).__name__, list(changes))


def values_next_to_0():
    """Give each public value and, for each of its fields of floats, the field with its first number next to 0."""
    for value in importlib.import_module("tests.core.public_values").VALUES:
        for field in attrs.fields(type(value)):
            part = getattr(value, field.name)
            if field.init and isinstance(part, float):
                yield value, {field.alias: 5e-324}
            elif field.init and isinstance(part, np.ndarray) and part.dtype.kind == "f" and part.size:
                yield value, {field.alias: np.where(np.arange(part.size).reshape(part.shape) == 0, 5e-324, part)}


def shown(value, changes):
    """Give the properties and the picture of a changed value, or None where it is refused."""
    try:
        changed = attrs.evolve(value, **changes)
        names = [name for name, part in vars(type(changed)).items() if isinstance(part, property)]
        properties = [plain(getattr(changed, name, None)) for name in names]
        return properties, plain(changed.to_vega()) if hasattr(changed, "to_vega") else None
    except InputError:
        return None


class TestThreads:
    """Eight threads at once: the same answers, and the state of the process is as before."""

    @each_call_long_ones_slow
    def test_state_is_left_alone(self, call):
        usual, before = plain(usual_of(call)), host_state()
        found, together = [], threading.Barrier(8)

        def work():
            together.wait()
            inside = np.geterr()
            found.append((plain(run(call)), inside == np.geterr()))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert host_state() == before
        assert found == [(usual, True)] * 8


def answer(call):
    """Give the result of a call as text; numpy raises for what it would warn of."""
    with np.errstate(all="raise"):
        return repr(plain(run(call)))


def answers_of_threads():
    """Give the result of every call twice, from eight threads that work at once."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(answer, [*CALLS, *CALLS[::-1]]))


class TestInterpreter:
    """`python -O` takes out every assert, `-W error` makes every warning an error; threads give the same answers."""

    @pytest.mark.slow
    def test_answers_are_the_same(self):
        script = (
            "import json, sys; from tests.test_host_state import answers_of_threads\n"
            "json.dump(answers_of_threads(), sys.stdout)"
        )
        root = Path(__file__).parent.parent
        done = subprocess.run(
            [sys.executable, "-O", "-W", "error", "-c", script], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found, usual = json.loads(done.stdout), list(map(answer, CALLS))
        names = [call.function.__name__ for call in CALLS]
        assert dict(zip(names, found[: len(CALLS)], strict=True)) == dict(zip(names, usual, strict=True))
        assert found[len(CALLS) :] == usual[::-1]
