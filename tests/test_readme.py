"""The README: its code prints what it says, its commands exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_code_prints_what_the_readme_shows():
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, flags=re.DOTALL)
    assert len(examples) == README.count("```python") == README.count("```text") > 0
    names = {}
    for code, output in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - the README's own code
        assert printed.getvalue() == output


def test_names_both_commands():
    assert "pip install '.[report]' && python -m crmvalue" in README
    assert "pip install -e '.[test]' && pytest" in README
