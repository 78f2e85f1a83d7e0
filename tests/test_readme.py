"""The README: its code prints what it says and draws its picture, its badges are true, its commands exist."""

from __future__ import annotations

import importlib.util
import re
import tomllib

import pytest

from tests.readme_images import EXAMPLES, README, ROOT, STATIC, badges, draw_value, is_alike, run_examples


@pytest.fixture(scope="module")
def ran():
    return run_examples()


def test_code_prints_what_the_readme_shows(ran):
    assert len(EXAMPLES) == README.count("```python") == README.count("```text") > 0
    printed, _, _ = ran
    assert printed == [output for _, output in EXAMPLES]


def test_the_first_example_draws_the_picture(ran):
    """It is the first thing after the first paragraphs, and what the library draws today."""
    _, names, files = ran
    assert list(files) == ["value.svg"]
    code, shown = README.index("```python"), README.index("](docs/_static/value.svg)")
    assert code < shown < README.index("\n## ")
    assert is_alike((STATIC / "value.svg").read_text(encoding="utf-8"), draw_value(names))


def test_the_picture_is_described():
    alt = re.search(r"!\[(.*?)\]\(docs/_static/value.svg\)", README)[1]
    text = (STATIC / "value.svg").read_text(encoding="utf-8")
    assert alt in text
    assert len(text) < 30_000


def test_a_changed_picture_is_seen():
    stored = (STATIC / "value.svg").read_text(encoding="utf-8")
    start = re.search(r'<path d="M ([\d.]+) [^"]*" clip-path', stored)
    assert is_alike(stored, stored)
    assert not is_alike(stored, stored.replace("customers as they are", "customers as they were"))
    assert not is_alike(stored, stored.replace("#0072b2", "#d55e00"))
    assert not is_alike(stored, stored.replace(start[0], start[0].replace(start[1], f"{float(start[1]) + 20:.6f}")))


def test_badges_are_true():
    made = badges()
    assert re.findall(r"\]\(docs/_static/(badge-\w+\.svg)\)", README) == list(made)
    for name, text in made.items():
        assert (STATIC / name).read_text(encoding="utf-8") == text, name
        assert re.search(r"<title>(.*)</title>", text)[1].replace(":", "") in README


def test_commands_exist():
    assert "pip install '.[report]'" in README
    assert "python -m crmvalue orders.csv" in README
    assert importlib.util.find_spec("crmvalue.__main__") is not None
    assert "pip install -e '.[test]' && pytest" in README
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {name for group in re.findall(r"'\.\[([\w,]+)\]'", README) for name in group.split(",")}
    assert named <= set(extras)
