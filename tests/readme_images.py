"""The picture and the badges of the README: `python -m tests.readme_images` writes them anew into `docs/_static`.

The picture is drawn from the README's own code. Each badge is a fact of `pyproject.toml`.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
STATIC = ROOT / "docs" / "_static"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, flags=re.DOTALL)
SVG = "{http://www.w3.org/2000/svg}"
OFF = 0.02
"""How far a point may be off, as a share of the width: other versions of matplotlib measure letters differently."""


def run_examples():
    """Run the code of the README in a folder of its own; give what it printed, its variables and its files."""
    names, printed = {}, []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for code, _ in EXAMPLES:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - the README's own code
            printed.append(out.getvalue())
        files = {path.name: path.read_text(encoding="utf-8") for path in Path().iterdir()}
    return printed, names, files


def draw_value(names):
    """Draw the picture of the README with letters as letters, so that it is small and can be read aloud."""
    from crmvalue.segmentation import lorenz_curve

    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "readme"}):
        figure = lorenz_curve(names["table"]["clv"]).plot().figure
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return "".join(line.rstrip() + "\n" for line in file.getvalue().splitlines())


def parts_of(svg):
    """Give the texts of a drawing, and for each line of data its colour and its points, as shares of the width."""
    root = ET.fromstring(svg)  # noqa: S314 - drawn here
    width = float(root.get("width").removesuffix("pt"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    lines = [
        (re.search(r"stroke: (#\w+)", path.get("style"))[1], np.array(re.findall(r"-?[\d.]+", path.get("d")), float))
        for path in root.iter(f"{SVG}path")
        if path.get("clip-path")
    ]
    return texts, [(colour, points / width) for colour, points in lines]


def is_alike(one, other):
    """Whether two drawings have the same texts and the same lines."""
    (texts, lines), (other_texts, other_lines) = parts_of(one), parts_of(other)
    return (
        texts == other_texts
        and [(colour, len(points)) for colour, points in lines]
        == [(colour, len(points)) for colour, points in other_lines]
        and all(np.abs(points - more).max() < OFF for (_, points), (_, more) in zip(lines, other_lines, strict=True))
    )


def badges():
    """Give the badges by file name: what it is about, and the fact."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(project["project"]["classifiers"]))
    assert project["project"]["requires-python"] == f">={versions[0]}"
    needs = [re.match(r"[\w-]+", line)[0] for line in project["project"]["dependencies"]]
    facts = {
        "python": ("Python", f"{versions[0]} to {versions[-1]}"),
        "needs": ("needs", ", ".join(sorted(needs))),
        "types": ("types", "mypy, strict" if project["tool"]["mypy"]["strict"] else "mypy"),
        "licence": ("licence", project["project"]["license"]),
    }
    return {f"badge-{name}.svg": badge(*fact) for name, fact in facts.items()}


def badge(left, right):
    """Draw a badge."""
    first, second = (12 + 6.6 * len(text) for text in (left, right))
    width = first + second
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="20" role="img">\n'
        f"<title>{left}: {right}</title>\n"
        f'<rect width="{width:.0f}" height="20" rx="3" fill="#0072b2"/>\n'
        f'<path d="M3 0h{first - 3:.1f}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#444"/>\n'
        '<g fill="#fff" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11">\n'
        f'<text x="{first / 2:.1f}" y="14">{left}</text>\n'
        f'<text x="{first + second / 2:.1f}" y="14">{right}</text>\n</g>\n</svg>\n'
    )


def main():
    """Write the picture and the badges."""
    _, names, _ = run_examples()
    for name, text in {"value.svg": draw_value(names), **badges()}.items():
        (STATIC / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
