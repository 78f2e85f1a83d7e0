"""The examples in the docs run, and what the Markdown files link to exists; for the README's code see test_readme."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
FENCED = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
LINK = re.compile(r"\[[^]]+\]\(([^)#]+)(?:#[^)]*)?\)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def each_file():
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in FILES]


def examples_of(text):
    """Keep the Python blocks at their lines and blank out everything else."""
    lines = [""] * (text.count("\n") + 1)
    for block in FENCED.finditer(text):
        if block[1].strip() == "python":
            first = text.count("\n", 0, block.start(2))
            for offset, line in enumerate(block[2].splitlines()):
                lines[first + offset] = line
    return "\n".join(lines)


@pytest.mark.parametrize("path", each_file())
def test_examples_run(path):
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    test = doctest.DocTestParser().get_doctest(examples_of(text), {}, name, str(path), 0)
    report = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_every_python_block_is_an_example():
    """A block of Python without a prompt would not be run; the README has one, which has a test of its own."""
    for path in FILES:
        blocks = FENCED.finditer(path.read_text(encoding="utf-8")) if path != ROOT / "README.md" else ()
        for block in blocks:
            if block[1].strip() == "python":
                assert block[2].startswith(">>> "), f"{path}: {block[2]}"


def test_links_lead_somewhere():
    for path in FILES:
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path}: {target}"


def test_the_docs_were_found():
    assert len(FILES) > 10


def test_a_wrong_example_is_seen():
    text = "Text\n\n```python\n>>> 1 + 1\n3\n```\n\n```\n>>> not run\n```\n"
    test = doctest.DocTestParser().get_doctest(examples_of(text), {}, "name", "name", 0)
    assert [(example.source, example.want, example.lineno) for example in test.examples] == [("1 + 1\n", "3\n", 3)]
    assert doctest.DocTestRunner().run(test, out=lambda _: None).failed == 1


def test_numbers_print_as_numbers():
    """No example shows np.float64(0.5), np.str_("a") or another scalar of numpy."""
    sources = [*FILES, *sorted((ROOT / "crmvalue").rglob("*.py")), *sorted((ROOT / "examples").glob("*.py"))]
    for path in sources:
        for example in doctest.DocTestParser().get_examples(path.read_text(encoding="utf-8")):
            found = re.search(
                r"np\.(float|int|uint|bool|str_|datetime|timedelta|True_|False_)\w*", example.want.partition('"""')[0]
            )
            assert not found, f"{path.name}: {example.source}"


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


WORDS = "churn, CAC, CLTV, win-back, Lebenszeitwert, Kundenwert, Rückgewinnung, attrition, відтік, середній чек"
WORDS += ", воронка, ლოიალურობის პროგრამა, გადინება, müştəri itkisi, satış hunisi"


@pytest.mark.parametrize("word", WORDS.split(", "))
def test_the_glossary_has_the_words_of_others(word):
    assert word in GLOSSARY


def test_each_language_of_the_glossary_is_in_its_own_script():
    """Four columns; letters of Ukraine in the second, of Georgia in the third, Latin ones in the fourth."""
    part = GLOSSARY.partition("## Ukrainian, Georgian and Azerbaijani\n")[2]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    assert len(rows) > 80
    for row in rows:
        assert len(row) == 4, row
        _, ukrainian, georgian, azerbaijani = row
        assert re.search("[а-яґєіїʼ]", ukrainian.lower()), row
        assert not re.search("[ыэёъ]", ukrainian.lower()), row
        assert re.search("[ა-ჰ]", georgian), row
        assert re.fullmatch("[A-Za-zÇƏĞİÖŞÜçəğıöşü ,/-]+", azerbaijani), row
