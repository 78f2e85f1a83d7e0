"""The gallery of the docs and the report, opened in headless Chromium.

Run with `pytest -m browser`. The gallery is read from `docs/_build`, or from the folder that `CRMVALUE_DOCS` names.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.report import format_report, summarise_report
from tests.browser.chromium import Chromium, find_chromium

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent
WIDTHS = [360, 1280]
LANGUAGES = ["en", "uk", "ka", "az"]
HOSTILE = ["<script>document.title = 'run'</script>{}", "<img src=x onerror=\"document.title = 'run'\">{}"]

SEEN = """(() => {
  const seen = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && box.left >= -1 && box.right <= innerWidth + 1;
  };
  const text = element => element.firstChild ? element.firstChild.textContent.trim() : "";
  return {
    width: innerWidth,
    page: document.documentElement.scrollWidth,
    sections: [...document.querySelectorAll("h1, h2")].filter(seen).map(text),
    pictures: [...document.images].filter(seen).map(image => [image.getAttribute("alt") || "", image.naturalWidth]),
    drawings: [...document.querySelectorAll("svg")].filter(seen).length,
    text: document.body.innerText,
  };
})()"""
"""What a reader sees: headings and pictures that have a size and lie inside the window."""


@pytest.fixture(scope="module")
def chromium():
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium missing: apt-get install chromium")
    with Chromium(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def docs():
    named = os.environ.get("CRMVALUE_DOCS")
    folder = Path(named or ROOT / "docs" / "_build")
    if not named and not folder.exists():
        pytest.skip("docs/_build missing: make docs")
    return folder


def require_quiet(page):
    """No error on the console, and no request to anywhere."""
    assert page.far_requests == []
    assert page.complaints == []


class TestDocs:
    """Each page of the docs is complete without the network, and fits a telephone."""

    def test_every_page_is_quiet_and_fits(self, chromium, docs):
        files = sorted(docs.rglob("*.html"))
        faults = {}
        for file in files:
            page = chromium.open(file, WIDTHS[0], until="load")
            widths = page.run("[innerWidth, document.documentElement.scrollWidth]")
            found = [*page.complaints, *page.far_requests, *({*widths} - {WIDTHS[0]})]
            if found:
                faults[file.relative_to(docs).as_posix()] = found
            page.close()
        assert faults == {}
        assert len(files) > 60

    def test_formulas_are_drawn_by_the_browser(self, chromium, docs):
        page = chromium.open(docs / "reference" / "ltv.html")
        heights = page.run("[...document.querySelectorAll('div.math math')].map(part => part.clientHeight)")
        assert len(heights) > 10
        assert min(heights) > 5
        assert "\\frac" not in page.run("document.body.innerText")


class TestGallery:
    """Each section and each picture of the gallery can be seen, on a telephone too."""

    SOURCE = (ROOT / "docs" / "how-to" / "pictures.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("width", WIDTHS)
    def test_all_can_be_seen(self, chromium, docs, width):
        page = chromium.open(docs / "how-to" / "pictures.html", width)
        found = page.run(SEEN)
        require_quiet(page)
        assert (found["width"], found["page"]) == (width, width)
        wanted = re.findall(r"^##? (.+)$", self.SOURCE, re.MULTILINE)
        assert [text for text in wanted if text not in found["sections"]] == []
        names = re.findall(r"^```{picture} (\w+)$", self.SOURCE, re.MULTILINE)
        assert len(found["pictures"]) == len(names) > 20
        assert all(alt and size > 0 for alt, size in found["pictures"])


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Write the report of customers whose names are code, in each language; all in one folder."""
    folder = tmp_path_factory.mktemp("report")
    log = load_cdnow()
    names = np.array([HOSTILE[number % 2].format(number) for number in log.customer])
    report = summarise_report(names, log.date, log.amount, margin=0.3, acquisition_cost=10)
    for language in LANGUAGES:
        page = format_report(report, language=language, name="</title><script>document.title = 'run'</script>.csv")
        (folder / f"{language}.html").write_text(page, encoding="utf-8")
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
class TestReport:
    """Each section of the report can be seen, on a telephone too, and a name that is code is text."""

    @pytest.mark.parametrize("width", WIDTHS)
    def test_all_can_be_seen(self, chromium, reports, language, width):
        page = chromium.open(reports / f"{language}.html", width)
        found = page.run(SEEN)
        require_quiet(page)
        assert (found["width"], found["page"]) == (width, width)
        wanted = page.run("[...document.querySelectorAll('section > h2')].map(heading => heading.textContent.trim())")
        assert len(wanted) == 6
        assert [text for text in wanted if text not in found["sections"]] == []
        assert all(page.run("[...document.querySelectorAll('section')].map(part => part.innerText.length > 100)"))
        assert found["drawings"] == page.run("document.querySelectorAll('svg').length") > 0

    def test_code_in_names_is_text(self, chromium, reports, language):
        page = chromium.open(reports / f"{language}.html")
        assert page.run("document.title").endswith("</title><script>document.title = 'run'</script>.csv")
        assert page.run("[document.scripts.length, document.images.length]") == [0, 0]
        text = page.run(SEEN)["text"]
        assert "<script>document.title = 'run'</script>" in text
        assert "<img src=x onerror=" in text


class TestLongTables:
    """A telephone shows the first rows of a long table until it is asked for all; a desktop and paper show all."""

    ROWS = "[...document.querySelectorAll('tr, dl > div')].filter(row => row.offsetHeight > 1).length"

    def test_rows_that_are_shown(self, chromium, reports):
        page = chromium.open(reports / "en.html", 1280)
        every = page.run(self.ROWS)
        page.resize(360)
        n_headers = page.run("document.querySelectorAll('thead').length")
        short = page.run(self.ROWS)
        assert short < 0.6 * every
        assert page.run("document.documentElement.scrollHeight") < 9000
        page.ask("Emulation.setEmulatedMedia", media="print")
        assert page.run(self.ROWS) == every
        page.ask("Emulation.setEmulatedMedia", media="screen")
        page.run("document.querySelectorAll('label').forEach(label => label.click())")
        assert every - n_headers <= page.run(self.ROWS) <= every
        page.run("document.querySelectorAll('label').forEach(label => label.click())")
        assert page.run(self.ROWS) == short


class TestWatcher:
    """The checks above see what they are there for."""

    def test_sees_complaints_and_requests(self, chromium, tmp_path):
        bad = tmp_path / "bad.html"
        bad.write_text(
            "<!doctype html><title>bad</title><h2>seen</h2><h2 hidden>hidden</h2>"
            "<h2 style='position:absolute;left:-900px'>left</h2>"
            "<img src='http://example.invalid/far.png' alt='far'><script src='lost.js'></script>"
            "<script>console.error('said'); throw new Error('thrown')</script>"
        )
        page = chromium.open(bad)
        assert page.far_requests == ["http://example.invalid/far.png"]
        said = "\n".join(page.complaints)
        assert "said" in said
        assert "Error: thrown" in said
        assert "ERR_FILE_NOT_FOUND" in said
        assert page.run(SEEN)["sections"] == ["seen"]

    def test_sees_a_page_that_is_too_wide(self, chromium, tmp_path):
        wide = tmp_path / "wide.html"
        view = "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        wide.write_text(f"<!doctype html><title>wide</title>{view}<div style='width:700px'>wide</div>")
        found = chromium.open(wide, 360).run(SEEN)
        assert found["page"] > found["width"] or found["width"] > 360

    def test_nothing_is_found_on_a_page_without_faults(self, chromium, tmp_path):
        good = tmp_path / "good.html"
        good.write_text("<!doctype html><title>good</title><h1>good</h1>")
        page = chromium.open(good)
        require_quiet(page)
        assert page.run(SEEN)["sections"] == ["good"]
