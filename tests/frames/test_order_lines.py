"""Frames of order lines give what the function of arrays gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmvalue import frames
from crmvalue.errors import InputError
from crmvalue.products import product_pairs, read_order_lines

LINES = {
    "Kunde": ["b", "a", "a", "b", "a"],
    "Datum": np.array(["2024-01-09", "2024-01-05", "2024-01-05", "2024-01-09", "2024-02-01"], dtype="datetime64[ns]"),
    "Artikel": ["tea", "tea", "milk", "milk", "rice"],
    "Menge": [1, 2, 1, 1, 3],
    "Preis": [4.0, 4.0, 1.5, 1.5, 3.0],
    "Beleg": [7, 5, 5, 7, 9],
}
KINDS = {
    "pandas": lambda: pd.DataFrame(LINES, index=[9, 3, 1, 4, 5]),
    "Polars": lambda: pl.DataFrame(LINES),
    "PyArrow": lambda: pl.DataFrame(LINES).to_arrow(),
}
each_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@each_kind
def test_equals_the_columns(make):
    found = frames.order_lines(make(), quantity="Menge", price="Preis", order="Beleg")
    wanted = read_order_lines(
        LINES["Kunde"], LINES["Datum"], LINES["Artikel"],
        quantity=LINES["Menge"], amount=[4.0, 8.0, 1.5, 1.5, 9.0], order=LINES["Beleg"],
    )  # fmt: skip
    assert found.result == wanted
    assert found.guessed == ("customer", "date", "product")
    assert type(found.frame) is type(make())
    assert product_pairs(found.result, min_count=2) == product_pairs(wanted, min_count=2)


@each_kind
def test_columns_that_are_not_named_are_not_used(make):
    found = frames.order_lines(make(), product="Artikel").result
    assert found.amount is None
    assert found.category is None
    assert found.quantity is None


@each_kind
def test_returns_and_gaps_are_counted(make):
    frame = pd.DataFrame(LINES)
    frame.loc[1, "Menge"] = -1
    frame.loc[2, "Kunde"] = None
    made = {pd.DataFrame: frame, pl.DataFrame: pl.from_pandas(frame)}.get(
        type(make()), pl.from_pandas(frame).to_arrow()
    )
    found = frames.order_lines(made, quantity="Menge", price="Preis", missing="drop", refunds="drop").result
    assert (found.counts.n_rows, found.counts.n_missing, found.counts.n_refunds_dropped) == (5, 1, 1)
    with pytest.raises(InputError):
        frames.order_lines(made, quantity="Menge", price="Preis")


@pytest.mark.parametrize("make", [pl.DataFrame.to_pandas, pl.DataFrame, pl.DataFrame.to_arrow])
def test_copies_are_of_one_moment(make):
    """Where the clock goes back, one time of day is two moments."""
    utc = pl.Series(["2024-10-27T00:30", "2024-10-27T01:30", "2024-10-27T01:30", None]).str.to_datetime(time_zone="UTC")
    lines = {"customer": [1] * 4, "date": utc.dt.convert_time_zone("Europe/Berlin"), "sku": ["tea"] * 4}
    found = frames.order_lines(make(pl.DataFrame(lines)), missing="drop", duplicates="drop").result
    assert (len(found), found.counts.n_duplicates_dropped, found.counts.n_missing) == (2, 1, 1)


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("orders", lambda: pl.DataFrame(LINES).lazy(), {}),
        ("orders", lambda: 5, {}),
        ("product", lambda: pd.DataFrame(LINES).drop(columns="Artikel"), {}),
        ("amount", KINDS["pandas"], {"amount": "Betrag"}),
        ("amount", KINDS["pandas"], {"amount": 3}),
        ("price", KINDS["pandas"], {"price": "Preis"}),
        ("price", KINDS["pandas"], {"price": "Preis", "quantity": "Menge", "amount": "Preis"}),
        ("orders", KINDS["pandas"], {"quantity": "Menge", "order": "Menge"}),
        ("refunds", KINDS["pandas"], {"refunds": "keep"}),
    ],
)
def test_refusals(name, make, options):
    with pytest.raises(InputError) as caught:
        frames.order_lines(make(), **options)
    assert caught.value.name == name
