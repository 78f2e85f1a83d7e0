"""A lazy frame stays lazy: only distinct rows and counts come into memory, and no function sees single rows."""

from __future__ import annotations

import re
from pathlib import Path

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest

import crmvalue
from crmvalue import frames
from crmvalue.errors import DataWarning
from tests.frames.engines import ENGINES, needs, read

PACKAGE = Path(crmvalue.__file__).parent
LAZY = [
    pytest.param(engine, id=engine.name, marks=[pytest.mark.slow] if engine.is_slowest else [])
    for engine in ENGINES
    if engine.is_lazy
]
N_CUSTOMERS, N_DAYS, N_ROWS = 6000, 20, 18_000


def orders():
    """Give many orders on few days, so that few rows of customers are distinct."""
    rng = np.random.default_rng(4)
    start = np.datetime64("2024-01-01")
    return pa.table(
        {
            "customer": [f"c{number}" for number in rng.integers(0, N_CUSTOMERS, N_ROWS)],
            "date": pa.array((start + rng.integers(0, N_DAYS, N_ROWS)).astype("datetime64[s]")),
            "amount": rng.integers(1, 4, N_ROWS).astype(np.float64),
        }
    )


@pytest.fixture
def collected(monkeypatch):
    """Give the numbers of rows that are collected from now on."""
    sizes = []
    usual = nw.LazyFrame.collect

    def collect(self, *args, **kwargs):
        found = usual(self, *args, **kwargs)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(nw.LazyFrame, "collect", collect)
    return sizes


class TestDivides:
    """Whole cents and whole days are divided as Python divides them: 33,440 cents are 334.4."""

    @pytest.mark.parametrize("engine", LAZY)
    def test_to_the_last_digit(self, engine):
        needs(engine)
        number = np.arange(1, 2001)
        cents, days = (16 * number + 1000).tolist(), (number % 997).tolist()
        start = np.datetime64("2024-01-01")
        log = pa.table(
            {
                "customer": np.repeat(number, 2),
                "date": pa.array((start + np.stack([0 * number, days], axis=1).ravel()).astype("datetime64[s]")),
                "amount": [part / 100 for whole in cents for part in (whole - 1000, 1000)],
            }
        )
        found = read(frames.summarise(engine.make(log), as_of=start + 1000).frame, "customer")
        who = [int(customer) for customer in found["customer"]]
        assert sorted(who) == number.tolist()
        exact = [cents[k - 1] / 100 for k in who], [days[k - 1] / 7 for k in who]
        if engine.name == "Spark Connect":  # divides by a power, which costs the last digit
            exact = tuple(pytest.approx(column, rel=2.3e-16) for column in exact)
        assert (found["total_spend"], found["recency"]) == exact


class TestCollects:
    """What comes into memory is far smaller than the customers."""

    @pytest.mark.parametrize("engine", LAZY)
    def test_only_distinct_rows_and_counts(self, engine, collected):
        needs(engine)
        native = engine.make(orders())

        customers = frames.summarise(native, as_of="2024-01-20", time_unit="day")
        assert collected == [N_DAYS]
        assert isinstance(nw.from_native(customers.frame), nw.LazyFrame)
        collected.clear()

        fit = frames.fit(customers, "nbd")
        assert len(collected) == 1
        assert collected[0] < N_CUSTOMERS / 3
        collected.clear()

        spend_fit = frames.fit(customers, "gamma_gamma")
        assert len(collected) == 2
        assert max(collected) < 200
        collected.clear()

        valued = frames.value(customers, fit.model, spend_fit.model, horizon=30, margin=0.5)
        assert len(collected) == 1
        assert collected[0] < N_CUSTOMERS / 3
        assert isinstance(nw.from_native(valued.frame), nw.LazyFrame)
        assert type(valued.frame) is type(customers.frame)

    @pytest.mark.parametrize("engine", LAZY[:2])
    def test_split(self, engine, collected):
        parts = frames.split(engine.make(orders()), calibration_end="2024-01-10", time_unit="day")
        assert collected == [N_DAYS]
        assert isinstance(nw.from_native(parts.frame), nw.LazyFrame)


class TestLastDay:
    """Every engine counts the purchases of each day, and not the lines of orders."""

    @pytest.mark.parametrize("engine", LAZY)
    def test_lost_weeks_are_said(self, engine):
        needs(engine)
        days = np.array([day for day in range(90) if not 30 <= day < 60])
        days = np.append(np.repeat(days, 3), [200])
        date = pa.array((np.datetime64("2024-01-01") + days).astype("datetime64[s]"))
        table = pa.table({"customer": pa.array(days % 9), "date": date})
        with pytest.warns(DataWarning) as caught:
            frames.summarise(engine.make(table))
        said = [str(one.message) for one in caught if one.category is DataWarning]
        assert [text.split(". ")[0] for text in said] == [
            "no purchase between 2024-01-30 and 2024-03-01, for 30 days; the 30 days before have 30 purchases",
            "only 1 purchase is later than 2024-03-30, by 111 days or more: on 2024-07-19",
        ]


SINGLE_ROWS = (
    r"map_rows|map_elements|map_batches|iter_rows|iterrows|itertuples|\.apply\(|\budf\b|pandas_udf|mapInPandas"
)


class TestNoSingleRows:
    """No function over single rows anywhere in the package."""

    @pytest.mark.parametrize(
        "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
    )
    def test_of_the_package(self, path):
        assert re.findall(SINGLE_ROWS, path.read_text(encoding="utf-8")) == []

    @pytest.mark.parametrize("text", ["frame.map_rows(f)", "column.apply(f)", "@udf", "for row in frame.iter_rows():"])
    def test_the_pattern_finds_them(self, text):
        assert re.search(SINGLE_ROWS, text)
