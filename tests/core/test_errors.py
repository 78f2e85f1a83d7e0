"""The errors say what is wrong in one sentence and carry the facts as fields."""

from __future__ import annotations

import copy
import pickle
import sys
import traceback
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmvalue.codes import CodePolicy, codes_for_messages, generate_codes
from crmvalue.errors import ConvergenceError, DataWarning, InputError
from crmvalue.frames import migrate
from crmvalue.funnels import funnel_conversion
from crmvalue.journeys import BusinessHours, Cascade, Technician, assign_visits
from crmvalue.metrics import retention_by_worst_ticket
from crmvalue.models import BgNbd, compare_models
from crmvalue.profiles import contact_quality, resolve_profiles
from crmvalue.promotions import Promotion
from crmvalue.purchases import split_purchases
from crmvalue.segmentation import AllOf, Segment, SegmentColumns, evaluate_segments
from tests.work import n_calls


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (pl.Series("a", [[1], [2]]), "a Series of 2 rows"),
        (pd.Series(["x"] * 2000), "a Series of 2,000 rows"),
        (pl.DataFrame({"a": [1]}), "a DataFrame of 1 row"),
        (pa.chunked_array([[1, 2, 3]]), "a ChunkedArray of 3 rows"),
        (np.array([[1, 2], [3, 4]]), "array([[1, 2], [3, 4]])"),
    ],
)
def test_columns_and_tables_are_told_in_one_line(value, shown):
    assert str(InputError("x", "a text", value)) == f"`x` must be a text; got {shown}"


class TestInputError:
    """An argument breaks its rule: name, rule, value, index, count and hint."""

    @pytest.mark.parametrize(
        ("error", "text"),
        [
            # The sentence of the house style.
            (
                InputError("recency", "in [0, age]", 40.0, index=1, count=4, hint="both in weeks?"),
                "`recency` must be in [0, age]; got 40.0 at index 1 (3 more). Hint: both in weeks?",
            ),
            (InputError("churn_rate", "in (0, 1]", 4.0), "`churn_rate` must be in (0, 1]; got 4.0"),
            (InputError("x", "finite", 1.5, index=0), "`x` must be finite; got 1.5 at index 0"),
            (InputError("x", "finite", 1.5, index=(1, 2)), "`x` must be finite; got 1.5 at index (1, 2)"),
            (InputError("x", "finite", 1.5, count=2), "`x` must be finite; got 1.5 (1 more)"),
            (InputError("kind", "one of 'a', 'b'", "c"), "`kind` must be one of 'a', 'b'; got 'c'"),
            (InputError("x", "numeric", "y" * 100), "`x` must be numeric; got '" + "y" * 76 + "..."),
            (InputError("x", "in order", [np.float64(1.5), (np.int64(2),)]), "`x` must be in order; got [1.5, (2,)]"),
            (InputError("x", "short", [0] * 10**6), f"`x` must be short; got [{'0, ' * 24}0, ..."),
            (InputError("x", "numeric", "y" * 78), "`x` must be numeric; got '" + "y" * 78 + "'"),
        ],
    )
    def test_message(self, error, text):
        assert str(error) == text

    def test_fields(self):
        error = InputError("recency", "in [0, age]", 40.0, index=1, count=4, hint="both in weeks?")
        assert (error.name, error.rule, error.value) == ("recency", "in [0, age]", 40.0)
        assert (error.index, error.count, error.hint) == (1, 4, "both in weeks?")

    def test_fields_left_out(self):
        error = InputError("x", "finite", 1.5)
        assert (error.index, error.count, error.hint) == (None, 1, None)

    def test_a_value_that_cannot_be_shown_is_named_by_its_type(self):
        class Sealed:
            def __repr__(self):
                raise RuntimeError("no")

        nested = []
        for _ in range(5000):
            nested = [nested]
        assert str(InputError("x", "a number", Sealed())).endswith("got a Sealed that cannot be shown")
        assert str(InputError("x", "a number", nested)).endswith("got a list that cannot be shown")
        assert str(InputError("x", "a number", 10**5000)).endswith("got a int that cannot be shown")

    def test_a_long_rule_is_shown_without_its_middle(self):
        error = InputError("x", f"one of {'a' * 20_000}, b", 5, hint="c" * 20_000)
        assert str(error).startswith("`x` must be one of aaa")
        assert "aaa, b; got 5. Hint: ccc" in str(error)
        assert len(str(error)) < 2500
        assert len(error.rule) > 20_000

    def test_long_texts_are_cut_between_words(self):
        """A value in at most 80 characters, and a rule or a hint around its middle."""
        words = [f"word{n}" for n in range(400)]
        error = InputError("x", " ".join(words), " ".join(words), hint=" ".join(words))
        cut = "' ".join(str(error).split("got '")[1].split(". Hint")[0].split("'"))
        assert cut.split() == [*words[: len(cut.split()) - 1], "..."]
        assert 60 < len(cut) < 80
        for text in (str(error).split("must be ")[1].split("; got")[0], str(error).split("Hint: ")[1]):
            start, end = (part.split() for part in text.split(" ... "))
            assert [start, end] == [words[: len(start)], words[-len(end) :]]
            assert 900 < len(text) <= 1005

    def test_is_caught_as_value_error(self):
        with pytest.raises(ValueError, match="must be finite"):
            raise InputError("x", "finite", 1.5)

    @pytest.mark.parametrize("rebuild", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301 - pickled here
    def test_survives_a_process_pool(self, rebuild):
        error = InputError("recency", "in [0, age]", [40.0], index=(0, 1), count=4, hint="both in weeks?")
        again = rebuild(error)
        assert type(again) is InputError
        assert str(again) == str(error)
        assert vars(again) == vars(error)

    def test_a_note_survives_pickling(self):
        """Python 3.11 lets a caller add notes; they stand among the fields of the error."""
        error = InputError("x", "finite", 1.5)
        error.add_note("row 17 of orders.csv")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled here
        assert again.__notes__ == ["row 17 of orders.csv"]
        assert "row 17" in "".join(traceback.format_exception(again))


class TestConvergenceError:
    """A numerical search ended without an answer; the best attempt is on it."""

    def test_fields(self):
        error = ConvergenceError("no root in [-0.99, 10]", best=0.3)
        assert str(error) == "no root in [-0.99, 10]"
        assert error.best == 0.3

    def test_best_is_optional(self):
        assert ConvergenceError("no root").best is None

    def test_is_caught_as_runtime_error(self):
        with pytest.raises(RuntimeError, match="no root"):
            raise ConvergenceError("no root")

    def test_survives_a_process_pool(self):
        error = ConvergenceError("no root", best={"rate": 0.3})
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled here
        assert type(again) is ConvergenceError
        assert (str(again), again.best) == ("no root", {"rate": 0.3})

    def test_a_note_survives_pickling(self):
        error = ConvergenceError("no root")
        error.add_note("customer 17")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled here
        assert again.__notes__ == ["customer 17"]


class TestDataWarning:
    """Data were used although they break an assumption."""

    def test_can_be_filtered_apart_from_other_warnings(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DataWarning)
            warnings.warn("3 rows", DataWarning, stacklevel=1)
            with pytest.raises(UserWarning, match="other"):
                warnings.warn("other", UserWarning, stacklevel=1)


def test_numbers_of_numpy_are_shown_as_those_of_python():
    for value in (np.float64(0.3), np.str_("a"), np.int64(5), np.bool_(True), np.datetime64("2024-01-31")):
        assert "np." not in str(InputError("x", "another", value))
    assert str(InputError("x", "later", np.datetime64("2024-01-31"))) == "`x` must be later; got '2024-01-31'"
    assert str(InputError("x", "a pair", np.array(0.5))) == "`x` must be a pair; got 0.5"
    assert str(InputError("x", "short", pa.array(range(100)))) == "`x` must be short; got an Int64Array of 100 rows"


@pytest.mark.parametrize(
    "value",
    [
        np.arange(100_000),
        [np.ones((10, 10_000))],
        {"spend": np.arange(100_000)},
        pd.DataFrame({"spend": range(100_000)}),
    ],
    ids=["array", "list", "mapping", "frame"],
)
def test_long_values_are_not_written_out(value):
    """Printing options that show everything would make each error take seconds."""
    with np.printoptions(threshold=sys.maxsize), pd.option_context("display.max_rows", None):
        n_done, error = n_calls(lambda: InputError("spend", "a number", value))
    assert n_done < 20_000  # were more than 1,000,000
    assert len(str(error)) < 150


LAST = "9999-12-31"
OFFICE = BusinessHours(start="09:00", end="18:00")
CALLS = {
    "steps of a cascade": ("last_purchase", lambda: Cascade().steps(["2024-01-01", LAST])),
    "state in a cascade": ("last_purchase", lambda: Cascade().state(LAST, LAST)),
    "day of visits": ("as_of", lambda: visits(["2024-06-10"], LAST)),
    "days of visits": ("dates", lambda: visits([LAST], "2024-06-10")),
    "start of business hours": ("start", lambda: zoned().hours_between("1024-01-01", "2024-01-01")),
    "end of business hours": ("end", lambda: zoned().hours_between("2024-01-01", LAST)),
    "first segment": ("first", lambda: membership().overlap("poor", "rich")),
    "second segment": ("second", lambda: membership().overlap("rich", 1)),
    "groups before": ("before", lambda: migrate(None, FRAME, group="group")),
    "groups now": ("now", lambda: migrate(FRAME, None, group="group")),
    "existing codes": ("existing[1]", lambda: generate_codes(FEW, 1, existing=[FEW_CODE, "a"])),
    "messages without codes": ("keys", lambda: codes_for_messages([f"{i}" for i in range(5001)], FEW)),
    "a typed code": ("text", lambda: FEW.format("a")),
    "names of models": ("fits", lambda: compare_models(SPLIT, {1: BgNbd(0.2, 4.4, 0.8, 2.4, "day")})),
    "names of keys": ("keys", lambda: contact_quality(["web"], {1: ["7"]})),
    "values that never join": (
        "never['card']",
        lambda: resolve_profiles([1], CARD, [["card"]], never={"card": [7]}),
    ),
    "tickets": ("ticket_time", lambda: worst(["2024-01-02"])),
    "stages": ("funnel", lambda: funnel_conversion([2, 1], funnel="ab")),
    "parts of a rule": ("rules", lambda: AllOf([1])),
    "total of a bundle": ("total", lambda: Promotion.bundle("a", total=0, amount_off=5)),
    "units to pay": ("n", lambda: Promotion.n_for_m("a", 21, 1)),
}
FEW = CodePolicy(alphabet="0123456789", n_random=4)
FEW_CODE = "57240"
CARD = {"card": ["7"]}
SPLIT = split_purchases([1, 1, 2], ["2024-01-01", "2024-02-01", "2024-01-05"], calibration_end="2024-01-20")
FRAME = pd.DataFrame({"customer": [1, 2], "group": ["a", "b"]})


def visits(dates, as_of):
    return assign_visits(dates, ["north"], [Technician("Ivan", hours=OFFICE, districts=["north"])], as_of=as_of)


def worst(times):
    return retention_by_worst_ticket(
        [1, 2], ["2023-01-01"] * 2, [None] * 2, [1, 2], times, ["minor"] * 2, order=["minor"], as_of="2024-06-01",
        landmark_days=90, horizon_days=365,
    )  # fmt: skip


def zoned():
    return BusinessHours(start="09:00", end="18:00", time_zone="Europe/Kyiv")


def membership():
    rich = Segment("rich", SegmentColumns({"spend": "number"})["spend"] > 5)
    return evaluate_segments([rich], {"spend": np.array([1.0, 9.0])}, as_of="2024-01-01")


@pytest.mark.parametrize(("name", "call"), CALLS.values(), ids=CALLS)
def test_the_name_is_that_of_an_argument(name, call):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.name == name
