"""Pictures to look at in tests, and what matplotlib drew, read back."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
from matplotlib import dates
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.text import Text

from crmvalue import (
    attribution,
    cohorts,
    experiments,
    funnels,
    journeys,
    models,
    plots,
    promotions,
    purchases,
    segmentation,
)
from crmvalue._core.pictures.pictured import Pictured

__all__ = ["awkward", "boxes", "drawn_layers", "public", "title_of"]

MODEL = models.BgNbd(0.243, 4.414, 0.793, 2.426, "week")
SPEND = models.GammaGamma(6.25, 3.74, 15.44)
GEORGIAN = ["ერთგული მყიდველები თბილისიდან", "ახალი მყიდველები", "დაკარგული მყიდველები ბათუმიდან და ქუთაისიდან"]


def public():
    """Give the public values with a picture."""
    return [v for v in importlib.import_module("tests.core.public_values").VALUES if isinstance(v, Pictured)]


def values_of(frequency, recency, age):
    spend = np.where(np.array(frequency) > 0, 20.0, np.nan)
    history = purchases.PurchaseHistory.from_columns(
        frequency=frequency, recency=recency, age=age, mean_repeat_spend=spend, time_unit="week"
    )
    return models.customer_values(history, MODEL, SPEND, horizon=52, margin=0.3)


def awkward():
    """Give pictures of odd bases: one customer, all equal, ten million, Georgian names, nobody buys again."""
    millions = np.linspace(0, 1, 10_000_001)
    one_day = {"period": "month", "as_of": "2024-01-31"}
    new = cohorts.retention_triangle([1, 2], ["2024-01-05", "2024-01-20"], [1e9, 2e9], **one_day)
    years = np.arange("2000-01", "2010-01", dtype="datetime64[M]").astype("datetime64[D]")
    old = cohorts.retention_triangle(
        np.arange(len(years)), years, np.ones(len(years)), period="month", as_of="2010-01-01"
    )
    counts = np.arange(144).reshape(12, 12)
    states = tuple(f"{name} {k}" for name, k in itertools.product(GEORGIAN, range(4)))
    return {
        "one customer": segmentation.lorenz_curve([5]),
        "equal customers": segmentation.lorenz_curve([3] * 40),
        "ten million": segmentation.LorenzCurve(customer_share=millions, value_share=millions**3),
        "value of one": values_of([2], [30.0], [38.0]),
        "values of three": values_of([2, 2, 2], [30.0] * 3, [38.0] * 3),
        "no repeat purchase": values_of([0] * 30, [0.0] * 30, [38.0] * 30),
        "large sums": segmentation.summarise_segments(["a"] * 9 + ["b"], [3e9] * 9 + [1.0]),
        "losses": segmentation.summarise_segments(["a", "b"], [-3.0, -1.0]),
        "Georgian groups": segmentation.summarise_segments(GEORGIAN, [1000.0, 300.0, 20.0]),
        "many groups": segmentation.summarise_segments([f"group {k:03}" for k in range(99)], np.arange(99.0)),
        "many scores": segmentation.RfmScores(r_score=[1, 30], f_score=[30, 1], m_score=[1, 1], n_bins=30),
        "many states": segmentation.Migration(states=states, counts=counts, n_new=counts[0], n_gone=counts[1]),
        "nobody moved": segmentation.migration_matrix(["a"], ["a"]),
        "nobody lost": funnels.funnel_conversion([7, 7]),
        "nobody left": funnels.funnel_conversion([10_000_000, 1, 0, 0], funnel=[*GEORGIAN, "x"]),
        "long stages": funnels.funnel_conversion([[9, 5], [7, 7]], funnel=GEORGIAN[:2], by=GEORGIAN[:2]),
        "a young cohort": new,
        "old cohorts": old,
        "a young value": cohorts.cohort_ltv(new, margin=0.5),
        "no payback": cohorts.cohort_ltv(new, margin=0.5, acquisition_cost=1e12),
        "all stay": cohorts.survival_curve([5, 5, 7], [False, False, False]),
        "one left": cohorts.survival_curve([5], [True]),
        "no value": models.FrequencyCalibration(
            frequency=[0, 1], n_customers=[0, 0], actual=[np.nan] * 2, expected=[np.nan] * 2
        ),
        "many arms": experiments.compare_proportions([1] * 12, [9] * 12),
        "one look": experiments.sequential_test([[3, 5]], [[50, 50]]),
        "no credit": attribution.attribute(attribution.Paths.from_lists([["a"], ["b"]], [0, 0]), model="last"),
        "no step pays": journeys.best_last_step([1.0], [0.1], [0.1], [10.0]),
        "other promotions": promotions.compare_promotions(
            promotions.CartHistory(
                cart=[1, 1, 2],
                product=["საპონი", "eau", "საპონი"],
                unit_price=[10**9] * 3,
                quantity=[1, 2, 3],
                currency="UAH",
            ),
            [promotions.Promotion.percent("ძველი", 10)],
            [promotions.Promotion.percent("ახალი", 20)],
        ),
        "an empty plan": journeys.plan(
            [journeys.Cascade()],
            journeys.Customers(customer=[1], dates={"last_purchase": ["2024-05-30"]}),
            None,
            None,
            journeys.Policy(),
            "2024-05-31",
        ),
        "one purchase": plots.customer_history(["2024-01-01"], MODEL, as_of="2024-01-01", horizon=1),
        "a Georgian name": plots.customer_history(
            ["2024-01-08", "2024-02-05"], MODEL, as_of="2026-04-01", horizon=52, name="ნინო გელაშვილი-მაისურაძე"
        ),
    }


def title_of(ax):
    return ax.figure.get_suptitle() or ax.get_title(loc="left")


def boxes(figure):
    """Give the box of each text that is shown, in pixels."""
    renderer, hidden = figure.canvas.get_renderer(), {id(label) for label in hidden_ticks(figure)}
    texts = {id(text): text for text in figure.findobj(Text) if text.get_text() and text.get_visible()}
    return [(text, text.get_window_extent(renderer)) for key, text in texts.items() if key not in hidden]


def hidden_ticks(figure):
    """Give the labels of ticks outside of the axes, which matplotlib keeps and does not draw."""
    hidden = []
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            near_end = 1e-9 * (high - low)
            shown = low - near_end <= tick.get_loc() <= high + near_end
            hidden += [tick.label2] if shown else [tick.label1, tick.label2]
    return hidden


def number(column, parts, name):
    """Give a column as matplotlib's numbers, NaN where it is missing."""
    column = np.asarray(column)
    if column.dtype.kind == "M":
        return dates.date2num(column)
    if getattr(parts, name).form == "name":
        labels = []
        for layer in parts.layers:
            labels += [str(x) for x in parts.columns.get(getattr(layer, name), ())]
        places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
        return np.array([places[str(x)] for x in column.tolist()], dtype=float)
    return column.astype(float)


def wanted(layer, parts):
    """Give the rows that a layer has to draw: numbers, and a text."""
    along = "x" if parts.y.form == "name" else "y"
    axis = {"x": "x", "y": "y", "low": along, "high": along, "left": "x", "right": "x"}
    roles = [role for role in ("x", "y", "low", "high", "left", "right", "text", "fill") if getattr(layer, role)]
    columns = {role: parts.columns[getattr(layer, role)] for role in roles}
    columns |= {role: number(column, parts, axis[role]) for role, column in columns.items() if role in axis}
    rows = [dict(zip(roles, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [row for row in rows if row.get("text", " ") and np.isfinite([row.get(role, 0) for role in axis]).all()]


def near(found, value):
    """Whether one of the places found is this one."""
    return any(len(one) == len(value) and np.allclose(one, value, rtol=1e-9, atol=1e-9) for one in found)


def drawn_layers(ax, parts):
    """Yield each layer, the rows that it has to draw, and whether matplotlib drew just these."""
    lying = parts.y.form == "name"
    for layer in parts.layers:
        rows = wanted(layer, parts)
        yield layer, rows, not rows or READERS[layer.mark](ax, rows, lying)


def drew_line(ax, rows, _lying):
    lines = [np.column_stack([ax.convert_xunits(line.get_xdata()), line.get_ydata()]) for line in ax.lines]
    return near([np.ravel(line).astype(float) for line in lines], np.ravel([(row["x"], row["y"]) for row in rows]))


def drew_rule(ax, rows, _lying):
    ends = [line.get_xydata()[0] for line in ax.lines if len(line.get_xydata()) == 2]
    role, part = ("x", slice(0, 1)) if "x" in rows[0] else ("y", slice(1, 2))
    return all(near([end[part] for end in ends], [row[role]]) for row in rows)


def drew_bar(ax, rows, lying):
    boxes_of_bars = [bar.get_bbox() for bar in ax.patches]
    across, along = ("y", "x") if lying else ("x", "y")
    found = [
        ((b.y0 + b.y1) / 2, *sorted((b.x0, b.x1))) if lying else ((b.x0 + b.x1) / 2, *sorted((b.y0, b.y1)))
        for b in boxes_of_bars
    ]
    ends = [(row.get("low", 0), row.get("high", row.get(along))) for row in rows]
    return all(near(found, (row[across], *sorted(end))) for row, end in zip(rows, ends, strict=True))


def drew_interval(ax, rows, lying):
    found = [np.ravel(one) for c in ax.collections if isinstance(c, LineCollection) for one in c.get_segments()]
    if lying:
        return all(near(found, (row["low"], row["y"], row["high"], row["y"])) for row in rows)
    return all(near(found, (row["x"], row["low"], row["x"], row["high"])) for row in rows)


def drew_band(ax, rows, _lying):
    bands = [c.get_paths()[0].vertices for c in ax.collections if isinstance(c, PolyCollection)]
    return any(all(near(band, (row["x"], row[end])) for row in rows for end in ("low", "high")) for band in bands)


def drew_box(ax, rows, _lying):
    found = [(b.x0, b.x1, b.y0, b.y1) for b in (box.get_bbox() for box in ax.patches)]
    return all(near(found, [row[role] for role in ("left", "right", "low", "high")]) for row in rows)


def drew_heat(ax, rows, _lying):
    table = ax.images[0].get_array().filled(np.nan)
    return all(np.array_equal(table[int(row["y"]), int(row["x"])], row["fill"], equal_nan=True) for row in rows)


def drew_text(ax, rows, _lying):
    written = {text.get_text(): [] for text in ax.texts}
    for text in ax.texts:
        x, y = text.xy if hasattr(text, "xy") else text.get_position()
        written[text.get_text()].append((float(ax.convert_xunits(x)), y))
    return all(near(written.get(row["text"], []), (row["x"], row["y"])) for row in rows)


READERS = {
    "line": drew_line,
    "step": drew_line,
    "points": drew_line,
    "rule": drew_rule,
    "bar": drew_bar,
    "interval": drew_interval,
    "band": drew_band,
    "step band": drew_band,
    "heat": drew_heat,
    "box": drew_box,
    "text": drew_text,
}
