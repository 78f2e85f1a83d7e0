"""The page of the report: complete, self-contained, small, escaped, in each language."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import attrs
import numpy as np
import pytest

from crmvalue._core.pictures.drawing import draw
from crmvalue._report.page import contents, svg
from crmvalue._report.page.cautions import _of_rows, cautions
from crmvalue._report.page.html import _figures
from crmvalue._report.page.words import LANGUAGES, words_of
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.ltv import ltv_to_cac_band
from crmvalue.models import HoldoutError, ModelScore, ProperScores, customer_values
from crmvalue.report import format_report, summarise_base, summarise_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

SECTIONS = ("worth", "groups", "due", "leaving", "cautions", "method")
HOSTILE = "<script>alert(1)</script>"


class Reader(html.parser.HTMLParser):
    """Collect tags, identifiers, what attributes refer to, and texts; see that all tags are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.texts = [], set(), [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name == "id":
                self.ids.append(value)
            if name in {"href", "src", "action", "data", "xlink:href"}:
                self.links.append(value)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and "style" not in self.open:
            self.texts.append(" ".join(data.split()))


def summarised():
    log = load_cdnow()
    return summarise_report(log.customer, log.date, log.amount, margin=0.3, acquisition_cost=10, discount_rate=0.1)


@pytest.fixture(scope="module")
def cdnow():
    return summarised()


@pytest.fixture(scope="module")
def pages(cdnow):
    return {language: format_report(cdnow, language=language, name="CDNOW") for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
class TestPage:
    """One page holds all it needs, whatever its language."""

    def test_is_small(self, pages, language):
        assert len(pages[language].encode()) < 300_000

    def test_asks_nobody_for_anything(self, pages, language):
        page = pages[language]
        assert not re.search(r"http|src=|<script|@import|<link|<iframe|javascript:|url\((?!#)", page, re.IGNORECASE)
        assert all(link.startswith("#") for link in Reader(page).links)

    def test_every_link_leads_to_a_place_and_each_place_has_one_name(self, pages, language):
        reader = Reader(pages[language])
        assert len(set(reader.ids)) == len(reader.ids)
        assert {link[1:] for link in reader.links} <= set(reader.ids)
        assert set(re.findall(r"url\(#([^)]*)\)", pages[language])) <= set(reader.ids)

    def test_has_each_section_with_its_heading(self, pages, language):
        texts = Reader(pages[language]).texts
        words = words_of(language)
        headings = [
            "What the base is worth, and how sure that is",
            "The groups, and what to do with each",
            "Who is due today, and why",
            "Who is about to be lost, and worth keeping",
            "What the data warn of",
            "How it was computed",
        ]
        for section, heading in zip(SECTIONS, headings, strict=True):
            assert f'<h2 id="{section}">' in pages[language]
            assert words(heading) in texts

    def test_claims_of_no_interval_that_it_holds_the_truth(self, pages, language):
        """The formula of a value may not fit, and waits that are not over are often the longest."""
        texts, words = Reader(pages[language]).texts, words_of(language)
        assert words("They show what chance does to a figure, not how well the formula of a value fits.") in texts
        assert words("days; waits that are not over are left out") in texts

    def test_has_six_pictures_that_say_what_they_show(self, pages, language, cdnow):
        assert list(cdnow.pictures) == ["concentration", "values", "groups", "scores", "due", "customer"]
        assert pages[language].count('role="img"') == 6
        assert pages[language].count("<desc ") == 6

    def test_numbers_at_the_bars_are_letters_in_the_colour_of_the_page(self, pages, language, cdnow):
        texts = Reader(pages[language]).texts
        assert {str(count) for count in cdnow.groups.due.values() if count < 1000} <= set(texts)

    def test_leaves_no_label_in_english(self, pages, language):
        """Only names that are the same in all languages stand in the English page and in another one."""
        if language == "en":
            return
        same = {"CDNOW", "MBG/NBD", "LTV:CAC"}
        english = {text for text in Reader(pages["en"]).texts if re.search("[a-z]{2}|[A-Z]{3}", text)}
        left = {text for text in Reader(pages[language]).texts if text in english}
        names = re.compile(r"(MBG/NBD|gamma-gamma) \(.*\)|crmvalue [\d.]+\S*")
        assert {text for text in left - same if not names.fullmatch(text)} == set()


@pytest.fixture(scope="module")
def hostile():
    rng = np.random.default_rng(5)
    names = [HOSTILE, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "გიორგი ბერიძე", "a\u0000b\u202ec"]
    names += [f"c{k}" for k in range(60)]
    rows = [
        (name, np.datetime64("2022-01-01") + int(day))
        for name in names
        for day in np.cumsum(rng.exponential(30, size=12))
    ]
    customer, date = ([row[k] for row in rows] for k in (0, 1))
    amount = np.where(np.array(customer, dtype=object) == HOSTILE, 900.0, 10.0 + rng.random(len(rows)))
    return summarise_report(customer, date, amount, as_of=max(date) + np.timedelta64(300, "D"))


def test_the_same_log_gives_the_same_page(cdnow, pages):
    again = summarised()
    assert again == cdnow
    assert format_report(again, name="CDNOW") == pages["en"]


@pytest.mark.parametrize(
    ("of_model", "of_rule", "said"),
    [
        (
            (0.9, 0.7),
            (0.8, 0.75),
            "a better log score than the model: “plodding”. Use the rule where single customers count.",
        ),
        (
            (0.9, 0.7),
            (0.9, 0.65),
            "No naive rule has a better log score than the model. But the mean error of “plodding” is",
        ),
        ((0.9, 0.7), (0.9, 0.7), None),
    ],
)
def test_a_better_rule_does_not_make_a_rough_total_one_to_use(cdnow, of_model, of_rule, said):
    scores = [
        ModelScore(
            name=name,
            log_likelihood=aic,
            aic=aic,
            purchases=HoldoutError(bias=0.3, mean_absolute_error=far, best_decile_found=0.5, gini=0.5),
            spend=None,
            counts=ProperScores(log_score=score, crps=0.5, coverage=0.9),
        )
        for name, aic, (score, far) in (("BG/NBD", 1.0, of_model), ("plodding", None, of_rule))
    ]
    models = attrs.evolve(cdnow.models, model="BG/NBD", scores=tuple(scores), grade="usable", money_grade=None)
    report = attrs.evolve(cdnow, models=models)
    for language in LANGUAGES:
        found = [text for text in cautions(report, None, words_of(language)) if "plodding" in text]
        assert len(found) == (said is not None)
        if language == "en":
            assert said is None or said in found[0]
    page = " ".join(Reader(format_report(report)).texts)
    assert "the total is a rough guide" in page
    assert " totals" not in page


@pytest.mark.parametrize(
    ("problem", "looks"), [("no repeat purchase was paid for", False), ("look for outliers", True)]
)
def test_looks_for_outliers_only_where_they_are_the_reason(cdnow, problem, looks):
    models = attrs.evolve(cdnow.models, value=None, value_for_life=None, spend_problem=problem)
    report = attrs.evolve(cdnow, models=models, value_interval=None)
    (said,) = [text for text in cautions(report, None, words_of("en")) if "no value in money" in text]
    assert ("outliers" in said) is looks


@pytest.mark.parametrize(
    ("own", "rests"), [((), None), (("acquisition_cost",), False), (("margin", "service_cost"), True)]
)
def test_terms_that_differ_are_named(cdnow, own, rests):
    report = attrs.evolve(cdnow, own_terms=own)
    found = [text for text in cautions(report, None, words_of("en")) if "differ by customer" in text]
    assert len(found) == (rests is not None)
    assert all(("rests on those of each" in text) == rests for text in found)
    assert own != ("margin", "service_cost") or "“Margin”, “Cost of serving a customer per year”." in found[0]


def test_the_page_says_that_a_value_is_discounted(cdnow, pages):
    """The value of a customer is less than purchases times spend times margin, and the page gives the reason."""
    said = "Money that comes later counts less, by the discount rate."
    assert said in " ".join(Reader(pages["en"]).texts)
    plain = attrs.evolve(cdnow, models=attrs.evolve(cdnow.models, discount_rate=None, value_for_life=None))
    assert said not in " ".join(Reader(format_report(plain)).texts)


def test_the_largest_step_is_not_called_most_of_all(cdnow, pages):
    due = cdnow.groups.due
    month = max(due, key=due.get)
    title = f"The step of {month} months has the most customers due: {due[month]:,} of {sum(due.values()):,}"
    assert title in Reader(pages["en"]).texts


class TestEscaping:
    """Whatever customers are called, the page shows it as text."""

    def test_names_are_text(self, hostile):
        assert HOSTILE in set(hostile.due.customer.tolist()) | set(hostile.leaving.customer.tolist())
        page = format_report(hostile, name=HOSTILE)
        assert "<script" not in page
        assert "<img" not in page
        assert "49" not in Reader(page).texts
        assert HOSTILE in Reader(page).texts

    def test_the_caption_of_a_customer_is_text(self, cdnow):
        named = attrs.evolve(cdnow.leaving, customer=np.array([HOSTILE] * len(cdnow.leaving)))
        page = format_report(attrs.evolve(cdnow, leaving=named))
        assert "<script" not in page
        assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= len(named)

    def test_control_characters_and_long_names_go_nowhere(self, cdnow):
        name = "a\0\x1b\u202e\udcff" + "x" * 10_000
        named = attrs.evolve(cdnow.leaving, customer=np.array([name] * len(cdnow.leaving)))
        base = attrs.evolve(cdnow.base, n_fell_silent=1, fell_silent=name)
        page = format_report(attrs.evolve(cdnow, leaving=named, base=base), name=name)
        assert not re.search("[\0\x1b\u202a-\u202e\ud800-\udfff]", page)
        assert "x" * 60 not in page
        assert page.count("x" * 54 + "…") >= len(named) + 3


class TestHost:
    """The program around the page neither changes it nor is changed by it."""

    def test_style_of_the_program(self, cdnow):
        import matplotlib as mpl
        from matplotlib import style

        page = format_report(cdnow)
        with style.context("dark_background"), mpl.rc_context({"text.usetex": True, "path.sketch": (1, 100, 2)}):
            assert format_report(cdnow) == page

    def test_threads(self, monkeypatch):
        import matplotlib as mpl

        def draw_slowly(*arguments):
            time.sleep(0.01)
            return draw(*arguments)

        monkeypatch.setattr(svg, "draw", draw_slowly)
        report = summarise_report([1, 1, 2], ["2024-01-01", "2024-03-01", "2023-01-10"], [10, 20, 30])
        page = format_report(report)
        before = {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}
        filters = list(warnings.filters)
        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(lambda _: format_report(report), range(6))) == {page}
        assert {name: mpl.rcParams[name] for name in before} == before
        assert warnings.filters == filters

    def test_warning_filters_while_values_are_drawn(self, monkeypatch):
        """Filters belong to all threads: one that saved them meanwhile would bring "ignore" back for good."""
        seen = []

        def watched(*arguments, **options):
            seen.append(list(warnings.filters))
            return customer_values(*arguments, **options)

        monkeypatch.setattr(contents, "customer_values", watched)
        log = load_cdnow()
        few = log.customer <= 200
        summarise_report(log.customer[few], log.date[few], log.amount[few])
        assert [("ignore", None, Warning, None, 0) in filters for filters in seen] == [False]


class TestBases:
    """Any base gives a page: one customer, no repeat purchase, no amounts, all alike."""

    @pytest.mark.parametrize(
        ("customer", "date", "amount"),
        [
            (["ann"], ["2024-01-31"], [10.0]),
            (["ann"], ["2024-01-31"], [0.0]),
            (["ann"] * 3, ["2024-01-31", "2024-02-29", "2024-03-31"], None),
            ([f"c{k}" for k in range(40)], [f"2024-{1 + k % 12:02}-03" for k in range(40)], [7.0] * 40),
        ],
    )
    def test_has_all_sections(self, customer, date, amount):
        page = format_report(summarise_report(customer, date, amount))
        Reader(page)
        assert all(f'id="{section}"' in page for section in SECTIONS)
        assert "nan" not in " ".join(Reader(page).texts).lower().split()

    def test_another_value_is_refused(self):
        with pytest.raises(InputError, match="report"):
            format_report("report")

    @pytest.mark.parametrize("name", [5, b"shop", ["shop"]])
    def test_another_name_is_refused(self, cdnow, name):
        with pytest.raises(InputError, match="`name` must be text"):
            format_report(cdnow, name=name)

    def test_another_language_is_refused(self, cdnow):
        with pytest.raises(InputError, match="language"):
            format_report(cdnow, language="de")


def test_a_ratio_below_its_limit_is_not_written_as_the_limit(cdnow):
    value = cdnow.base.value
    low = attrs.evolve(value, ltv_to_cac=2.997, band=ltv_to_cac_band(2.997), lowest_band=None)
    report = attrs.evolve(cdnow, base=attrs.evolve(cdnow.base, value=low))
    (found,) = (figure for figure in _figures(report, words_of("en")) if figure.name == "LTV:CAC")
    assert found.value == "2.997"


def test_a_season_of_a_short_log_is_named(cdnow):
    assert not any("such a season" in text for text in cautions(cdnow, None, words_of("en")))
    period = attrs.evolve(cdnow.base.last_period, is_uneven=True)
    report = attrs.evolve(cdnow, base=attrs.evolve(cdnow.base, last_period=period))
    season = {"en": "such a season", "uk": "такого сезону", "ka": "ასეთ სეზონს", "az": "belə mövsümü"}
    for language in LANGUAGES:
        assert sum(season[language] in text for text in cautions(report, None, words_of(language))) == 1
    without_margin = attrs.evolve(report.base, margin=None, discount_rate=None, acquisition_cost=None)
    said = " ".join(cautions(attrs.evolve(report, base=without_margin), None, words_of("en")))
    assert "hold for the season of the newest period alone" in said  # a value in revenue has the season in it too


def test_the_door_loads_neither_matplotlib_nor_jinja2():
    code = "import sys, crmvalue, crmvalue.report; print({'matplotlib', 'jinja2', 'duckdb'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_a_refund_without_an_earlier_purchase_is_not_said_to_be_taken_off_one():
    base = summarise_base([1, 2, 2], ["2024-01-01", "2024-01-02", "2024-02-03"], [-5, 7, 8], refunds="net")
    said = list(_of_rows(SimpleNamespace(base=base), None, words_of("en")))
    assert "Refunds, taken off earlier purchases if there are any: 1." in said
    assert any(line.startswith("Refunds without an earlier purchase: 5") for line in said)
