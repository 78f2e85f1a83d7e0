"""Each picture: its data are what is drawn, its texts are inside and apart, its Vega-Lite follows the schema."""

from __future__ import annotations

import functools
import io
import itertools
import json
import re
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import altair as alt
import jsonschema
import matplotlib as mpl
import numpy as np
import pytest
import vl_convert
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from crmvalue import plots
from crmvalue._core.pictures import drawing, parts
from crmvalue._core.pictures.parts import (
    BLUES,
    COLOURS,
    Axis,
    Layer,
    Parts,
    cut,
    shown,
    shown_beside,
    shown_things,
    wrapped,
)
from crmvalue._core.pictures.pictured import Pictured
from crmvalue.experiments import compare_proportions, sequential_test
from crmvalue.models import BgNbd, purchase_tracking
from crmvalue.segmentation import lorenz_curve, summarise_segments
from tests.core.pictures.awkward import FEW, awkward
from tests.core.pictures.pictured import boxes, drawn_layers, public, title_of, wanted

ROLES = ("x", "y", "low", "high", "left", "right", "text", "fill")
LORENZ = lorenz_curve([1, 3])


@functools.cache
def classes():
    """Give a public value of each class with a picture, by the name of the class."""
    return {type(value).__name__: value for value in public()}


@functools.cache
def picture(name):
    """Make a picture once for all tests."""
    return classes()[name] if name in classes() else awkward()[name]()


@functools.cache
def drawn(name):
    """Draw a picture once for all tests."""
    ax = picture(name).plot()
    FigureCanvasAgg(ax.figure).draw()
    return ax


@pytest.fixture(params=["few", pytest.param("all", marks=pytest.mark.slow)])
def names(request):
    """Give the names: one of each class and some odd bases, or all."""
    return [*classes(), *(FEW if request.param == "few" else awkward())]


@pytest.fixture
def names_to_render(request, names):
    """Give the names, of the few each third one: a picture of Vega takes long."""
    return names[::3] if request.node.callspec.params["names"] == "few" else names


@functools.cache
def validator():
    path = Path(alt.__file__).parent / "vegalite" / "v5" / "schema" / "vega-lite-schema.json"
    return jsonschema.Draft7Validator(json.loads(path.read_text(encoding="utf-8")))


def is_missing(cell):
    return cell in {"", "NaT"} or (isinstance(cell, float) and not np.isfinite(cell))


class TestPlotData:
    """`plot_data` equals what is drawn: the artists of matplotlib, and the rows of Vega-Lite."""

    def test_equals_the_artists(self, names):
        for name in names:
            for layer, rows, is_drawn in drawn_layers(drawn(name), picture(name)._parts()):
                assert is_drawn, (name, layer, rows[:3])

    def test_equals_the_rows_of_vega(self, names):
        for name in names:
            columns, rows = picture(name).plot_data(), picture(name).to_vega()["data"]["values"]
            assert len({len(column) for column in columns.values()}) == 1, name
            for key, column in columns.items():
                plain = (column.astype(str) if column.dtype.kind == "M" else column).tolist()
                assert [row[key] for row in rows] == [None if is_missing(cell) else cell for cell in plain], (name, key)

    def test_every_layer_has_its_columns(self, names):
        for name in names:
            parts = picture(name)._parts()
            used = {getattr(one, role) for one in parts.layers for role in ROLES}
            assert used - {""} <= set(parts.columns), name

    def test_the_reader_of_artists_sees_a_difference(self):
        ax = LORENZ.plot()
        ax.lines[1].set_ydata(np.asarray(ax.lines[1].get_ydata()) + 0.1)
        assert not all(is_drawn for *_, is_drawn in drawn_layers(ax, LORENZ._parts()))

    def test_is_new(self):
        LORENZ.plot_data()["value_share"][0] = 7
        assert LORENZ.plot_data()["value_share"][0] == 0

    def test_few_rows_for_many_customers(self, names):
        assert max(len(next(iter(picture(name).plot_data().values()))) for name in names) <= 1000


class TestTexts:
    """All texts stand inside the canvas; the title covers no other."""

    def test_inside_and_apart(self, names):
        for name in names:
            figure = drawn(name).figure
            found = boxes(figure)
            title = next(box for text, box in found if text.get_text() == title_of(drawn(name)))
            assert title.width > 50, name
            for text, box in found:
                inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= 601 and box.y1 <= 376
                assert inside, (name, text.get_text(), box)
                same = text.get_text() == title_of(drawn(name))
                assert same or not box.overlaps(title), (name, text.get_text())

    def test_the_legend_covers_no_label(self, names):
        for name in names:
            legend, label = drawn(name).get_legend(), drawn(name).yaxis.label
            covered = legend and label.get_text() and legend.get_window_extent().overlaps(label.get_window_extent())
            assert not covered, name

    def test_labels_below_stand_apart(self, names):
        for name in names:
            labels = drawn(name).get_xticklabels()
            upright = [box for text, box in boxes(drawn(name).figure) if text in labels and not text.get_rotation()]
            ends = sorted((box.x0, box.x1) for box in upright)
            assert all(before[1] < after[0] + 1 for before, after in itertools.pairwise(ends)), name

    @pytest.mark.parametrize("n_days", [3, 7, 12, 16])
    def test_days_around_the_end_of_a_month_stand_apart(self, n_days):
        """Every second day would be the 31st and the 1st."""
        day = np.arange(n_days) + np.datetime64("2007-12-30")
        axis = Axis(title="Day", form="date")
        shown_days = {"day": day, "messages": np.ones(n_days)}
        layer = Layer(mark="bar", x="day", y="messages", label="messages")
        ax = drawing.draw(Parts(title="Messages", x=axis, y=Axis(title="Messages"), columns=shown_days, layers=[layer]))
        FigureCanvasAgg(ax.figure).draw()
        labels = ax.get_xticklabels()
        ends = sorted((box.x0, box.x1) for text, box in boxes(ax.figure) if text in labels)
        assert len(ends) > 1
        assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))

    def test_labels_at_the_side_stand_apart(self, names):
        for name in names:
            labels = drawn(name).get_yticklabels()
            ends = sorted((box.y0, box.y1) for text, box in boxes(drawn(name).figure) if text in labels)
            # The box of a text is higher than its letters.
            assert all(before[1] < after[0] + 3 for before, after in itertools.pairwise(ends)), name

    def test_the_picture_keeps_most_of_the_room(self, names):
        for name in names:
            box = drawn(name).get_window_extent()
            assert box.width > 230, name
            assert box.height > 110, name

    def test_titles_are_sentences_that_fit(self, names):
        for name in names:
            title = picture(name)._parts().title
            assert "nan" not in title.lower().split(), name
            assert "inf" not in title.lower().split(), name
            assert len(wrapped(title)) <= 3, title

    def test_no_letter_is_missing(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            groups = ["Вірні покупці", "ერთგული", "Ən sadiq alıcılar"]
            summarise_segments(groups, [3.0, 2.0, 1.0]).plot().figure.savefig(io.BytesIO(), format="png")

    @pytest.mark.parametrize("name", ["$x^2$", "<script>alert(1)</script>", "a_b", "100 %", "\\alpha"])
    def test_names_are_texts(self, name):
        ax = summarise_segments([name, "b"], [3.0, 1.0]).plot()
        ax.figure.savefig(io.BytesIO(), format="svg")
        assert ax.get_yticklabels()[0].get_text() == name

    @pytest.mark.parametrize("usetex", [False, True])
    def test_no_text_is_a_formula(self, usetex):
        """A host may send all texts through TeX, where `%` begins a comment and `_` stops the run."""
        names = ["$x_2$ 100 %", "_b$ \\alpha$"]
        with mpl.rc_context({"text.usetex": usetex}):
            given = Figure().add_subplot()
            given.text(0, 0, "of the host")
            for ax in (
                compare_proportions([200, 250], [1000] * 2, names=names).plot(),
                sequential_test([[5, 9], [20, 60]], [[50, 50], [200, 200]], names=names).plot(),
                purchase_tracking([1, 1], ["2024-01-01", "2024-03-01"], BgNbd(0.2, 4, 0.8, 2.4, "week")).plot(),
                summarise_segments(names, [3.0, 1.0]).plot(given),
            ):
                texts = [text for text in ax.figure.findobj(Text) if text.get_text() not in {"", "of the host"}]
                assert texts
                assert not any(text.get_usetex() or text.get_parse_math() for text in texts)
                if ax is not given:
                    ax.figure.savefig(io.BytesIO(), format="png")
            assert given.texts[0].get_usetex() == usetex
            assert given.texts[0].get_parse_math()

    def test_texts_differ_from_their_ground_in_a_dark_style(self):
        with mpl.rc_context({"axes.facecolor": "black", "text.color": "white"}):
            ax = classes()["StageTimes"].plot()
        grounds = [effect._gc["foreground"] for text in ax.texts for effect in text.get_path_effects()]
        assert grounds
        assert {to_rgb(ground) for ground in grounds} == {(0, 0, 0)}

    def test_the_legend_has_all_labels(self):
        found = sequential_test([[5, 9], [20, 60]], [[50, 50], [200, 200]], names=["a", "_b"])
        assert [text.get_text().strip() for text in found.plot().get_legend().get_texts()] == [
            "interval for all looks",
            "no difference",
            "_b less a",
        ]

    def test_halves_of_letters_are_replaced(self):
        """A lone surrogate stands for bytes that are no text; no file and no browser takes it."""
        picture = summarise_segments(["a\udcff", "b"], [3.0, 1.0])
        json.dumps(picture.to_vega(), ensure_ascii=False).encode()
        assert "a\ufffd" in picture._repr_mimebundle_()["application/vnd.vegalite.v5+json"]["title"]["text"][0]

    def test_at_most_one_action(self, names):
        for name in names:
            actions = [
                layer for layer in picture(name)._parts().layers if layer.style == "action" and layer.mark == "rule"
            ]
            assert len(actions) <= 1, name


class TestColours:
    """Lines and groups differ without colour: by lightness, dash or shape."""

    def test_lightness(self):
        def light(colour):
            return np.dot([0.2126, 0.7152, 0.0722], np.array(to_rgb(colour)) ** 2.2)

        sides = [light(COLOURS[style]) for style in ("action", "main", "second", "light")]
        assert np.diff(sorted(sides)).min() > 0.1
        assert (np.diff([light(colour) for colour in BLUES]) < -0.03).all()


class TestVega:
    """The dictionaries follow the published schema, are JSON, and can be drawn."""

    def test_schema(self, names):
        for name in names:
            errors = [error.message[:200] for error in validator().iter_errors(picture(name).to_vega())]
            assert not errors, (name, errors[:2])

    def test_the_schema_refuses_nonsense(self):
        spec = LORENZ.to_vega()
        spec["layer"][0]["mark"] = {"type": "pyramid"}
        assert list(validator().iter_errors(spec))

    def test_are_drawn(self, names_to_render):
        for name in names_to_render:
            text = json.dumps(picture(name).to_vega(), allow_nan=False)
            svg = vl_convert.vegalite_to_svg(text, vl_version="5.20")
            assert 'width="600" height="375"' in svg, name
            assert "NaN" not in svg, name
            found = Counter(re.findall(r'aria-roledescription="([^"]+)"', svg))
            for mark, shape in (("bar", "bar"), ("points", "point"), ("heat", "rect mark"), ("box", "rect mark")):
                parts = picture(name)._parts()
                rows = [wanted(layer, parts) for layer in parts.layers if layer.mark == mark]
                n = sum(np.isfinite(row.get("fill", 0)) for row in itertools.chain(*rows))
                assert not rows or found[shape] == n, (name, mark)

    def test_keeps_the_order_of_names(self):
        spec = summarise_segments(["z", "a", "m"], [3.0, 2.0, 1.0]).to_vega()
        assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["z", "a", "m"]


class TestPlot:
    """`plot` draws into the axes given, or into a figure of its own, and changes nothing else."""

    def test_into_given_axes(self):
        figure = Figure()
        ax = figure.add_subplot()
        assert LORENZ.plot(ax) is ax
        assert ax.get_title(loc="left").replace("\n", " ") == "The best customer brings 75 % of the value"
        assert not figure.get_suptitle()

    def test_no_pyplot_and_no_settings(self):
        before = dict(mpl.rcParams)
        code = (
            "import sys, crmvalue.plots\nfrom crmvalue.segmentation import lorenz_curve\n"
            "assert 'matplotlib' not in sys.modules\nassert 'scipy' not in sys.modules\n"
            "lorenz_curve([1, 3]).to_vega()\nassert 'matplotlib' not in sys.modules\n"
            "lorenz_curve([1, 3]).plot()\nassert 'matplotlib.pyplot' not in sys.modules"
        )
        LORENZ.plot()
        assert dict(mpl.rcParams) == before
        root = Path(__file__).parents[3]
        subprocess.run([sys.executable, "-c", code], check=True, cwd=root)

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'crmvalue\[plot\]'$") as caught:
            LORENZ.plot()
        assert caught.value.name == "matplotlib"
        assert set(LORENZ._repr_mimebundle_()) == {"text/plain", "application/vnd.vegalite.v5+json"}

    def test_notebooks_show_it(self):
        bundle = LORENZ._repr_mimebundle_(include=None, exclude=None)
        assert bundle["text/plain"] == repr(LORENZ)
        assert bundle["application/vnd.vegalite.v5+json"] == LORENZ.to_vega()
        assert bundle["image/png"].startswith(b"\x89PNG")

    def test_every_class_with_one_method_has_all(self):
        for value in classes().values():
            assert isinstance(value, Pictured)
            assert value.__class__.__slots__ is not None


class TestShown:
    """Numbers as a marketer reads them."""

    @pytest.mark.parametrize(
        ("value", "form", "text"),
        [
            (0.5, "share", "50 %"),
            (0.0971, "share", "9.7 %"),
            (0.09996, "share", "10 %"),
            (-0.025, "share", "−2.5 %"),  # noqa: RUF001 - a minus
            (1.0, "share", "100 %"),
            (1 - 2**-53, "share", "100 %"),
            (0.9997, "share", ">99.9 %"),
            (0.996, "share", "99.6 %"),
            (0.994, "share", "99 %"),
            (9500, "number", "9,500"),
            (12_000, "money", "12 k"),
            (250_000, "money", "250 k"),
            (3_400_000, "money", "3.4 M"),
            (999_999, "money", "1,000 k"),
            (2.5e9, "count", "2.5 bn"),
            (1234e12, "count", "1,230,000 bn"),
            (0, "number", "0"),
            (-0.0, "money", "0"),
            (0.166, "number", "0.166"),
            (0.00001, "number", "0.00001"),
            (0.00001, "money", "0.00001"),
            (4.56e-11, "number", "almost 0"),
            (1e-17, "money", "0"),
            (-0.0003, "share", ">−0.1 %"),  # noqa: RUF001 - a minus
            (0.0026, "money", "0.0026"),
            (-106.4, "money", "−106"),  # noqa: RUF001 - a minus
            (float("nan"), "number", ""),
            (float("inf"), "money", ""),
        ],
    )
    def test_known(self, value, form, text):
        assert shown(value, form) == text

    def test_beside_a_limit(self):
        """Who brings 0.9996 times their cost loses money, and "1 times" would not."""
        values = ((0.9996, 1), (1.0, 1), (1.2, 1), (2.9999, 3), (12_345, 1))
        assert [shown_beside(*pair) for pair in values] == ["0.9996", "1", "1.2", "2.9999", "12.3 k"]
        assert [shown_things(x, "day") for x in (1, 1.0004, 1.5, 0)] == ["1 day", "1 day", "1.5 days", "0 days"]
        title = plots.compare_ltv_to_cac(["a", "b"], [0.9996, 3], [1, 1]).title
        assert title == "a loses money: a customer brings 0.9996 times their cost"

    def test_cut(self):
        assert cut("short") == "short"
        assert cut("a" * 30 + "b" * 10) == "a" * 17 + "…" + "b" * 8
        assert cut("a\n b") == "a b"

    def test_a_long_title_of_an_axis_keeps_its_notes(self):
        """What is said of rows left out and of ends cut stood behind, and was the first to go."""
        wide = Axis(title=f"Difference of the conversion rate from {'c' * 26}; 15 of 1,000 variants")
        assert parts.title_of(wide, "x") == f"Difference of the conversion rate from {'c' * 12}…; 15 of 1,000 variants"
        upright = Axis(title=f"Difference from {'c' * 26}; wide ends cut")
        assert parts.title_of(upright, "y") == f"Difference from {'c' * 8}…; wide ends cut"
        for title in ("Difference from control; wide ends cut", "c" * 40):
            assert parts.title_of(Axis(title=title), "y") == title
        assert parts.title_of(Axis(title=f"a; {'b' * 40}"), "y") == f"a; {'b' * 36}…"

    def test_a_number_keeps_its_unit(self):
        lines = wrapped("The customers of today will bring 75.9 k in 12 months: 70.3 k to 84.1 k, 3.5 % less")
        assert not any(line.startswith(("k ", "M ", "%")) for line in lines)
        assert " ".join(lines).count("k") == 3

    def test_wide_letters_count_twice(self):
        assert len(wrapped("顧客" * 25)) == 1 + len(wrapped("ab" * 25))
