"""What may import what, how long a module may be, and what an import may load; read from the source itself."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

import crmvalue

PACKAGE = Path(crmvalue.__file__).parent
ROOT = Path(__file__).parent.parent
FILES = sorted(PACKAGE.rglob("*.py"))

GROUND = {
    "errors": 0,
    "typing": 0,
    "_checks": 1,
    "_calendar": 1,
    "_values": 2,
    "_customers": 2,
    "_rows": 2,
    "_comparisons": 2,
    "_json": 2,
    "_labels": 2,
}
"""The modules under all subjects, with the height of each; imports go down."""

OUTER = {"frames", "plots", "report", "__main__"}
"""The modules above all subjects; they may import extras, inside functions."""

PAIRS = {
    ("cohorts", "ltv"),
    ("cohorts", "metrics"),
    ("cohorts", "models"),
    ("experiments", "metrics"),
    ("funnels", "metrics"),
    ("journeys", "metrics"),
    ("journeys", "segmentation"),
    ("models", "purchases"),
    ("segmentation", "metrics"),
}
"""Subjects that are made of another: (importer, imported)."""

CORE = {"numpy", "scipy", "attrs"}
EXTRAS = {"duckdb", "matplotlib"}


def name_of(path):
    """Give the dotted name of a file inside the package, `__init__` being its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree, package):
    """List the modules that a source imports, each with whether the import runs with the module."""
    found = []

    def visit(node, *, runs):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, runs) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = ".".join(("crmvalue." + package).split(".")[: -(child.level - 1) or None]) if child.level else ""
                module = ".".join(part for part in (base, child.module) if part)
                if module == "crmvalue":
                    names = [alias.name for alias in child.names if alias.name != "__version__"]
                    found.extend((f"crmvalue.{name}", runs) for name in names)
                else:
                    found.append((module, runs))
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                visit(ast.Module(child.body, []), runs=False)
                visit(ast.Module(child.orelse, []), runs=runs)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                visit(child, runs=False)  # the decorators and defaults, which do run, import nothing
            else:
                visit(child, runs=runs)

    visit(tree, runs=True)
    return found


TREES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
PACKAGES = {name_of(path) for path in FILES if path.name == "__init__.py"}
IMPORTS = {
    name: imports_of(tree, name if name in PACKAGES else name.rpartition(".")[0]) for name, tree in TREES.items()
}
INTERNAL = {
    name: {module.removeprefix("crmvalue.").split(".")[0] for module, _ in found if module.startswith("crmvalue.")}
    for name, found in IMPORTS.items()
}
TOP_LEVEL = {name.split(".")[0] for name in TREES if name}


def internal(top):
    """Give the top-level modules that a top-level module or anything in its package imports."""
    return set().union(*(targets for name, targets in INTERNAL.items() if name.split(".")[0] == top)) - {top}


def is_private(top):
    return top.startswith("_") and not top.startswith("__")


def owners(top, seen=frozenset()):
    """Give the public modules that import a private one, directly or through other private ones."""
    found = set()
    for other in TOP_LEVEL - seen - {top}:
        if top in internal(other):
            found |= owners(other, seen | {top}) if is_private(other) and other not in GROUND else {other}
    return found - OUTER or found  # what reads and prints may look into any module


def subject(top):
    """Give the subject of a module: itself, or the one public module that a private sibling serves."""
    if not is_private(top) or top in GROUND:
        return top
    return min(owners(top), default=top)


def height(top):
    if top in GROUND:
        return GROUND[top]
    return 4 if subject(top) in OUTER else 3


class TestImports:
    """Imports flow one way: errors, checks and calendar, subjects, and what reads and prints."""

    @pytest.mark.parametrize("top", sorted(top for top in TOP_LEVEL if is_private(top) and top not in GROUND))
    def test_a_private_module_serves_one_subject(self, top):
        """What two subjects share belongs to the ground and is listed there."""
        assert len(owners(top)) == 1, f"{top} serves {sorted(owners(top))}"

    @pytest.mark.parametrize("top", sorted(TOP_LEVEL))
    def test_go_one_way(self, top):
        for target in internal(top):
            assert target in TOP_LEVEL, f"{top} imports crmvalue.{target}, which does not exist"
            if subject(target) == subject(top) or (subject(top), subject(target)) in PAIRS:
                continue
            down = height(target) < height(top)
            beside = height(target) == height(top) == 4 or {top, target} <= {"_values", "_customers"}
            assert down or beside, f"{top} imports {target}"

    def test_the_package_itself_imports_nothing_of_its_own(self):
        assert INTERNAL[""] == set()

    @pytest.mark.parametrize("name", sorted(TREES))
    def test_core_needs_three_libraries(self, name):
        top = name.split(".")[0]
        for module, runs in IMPORTS[name]:
            library = module.split(".")[0]
            if library in sys.stdlib_module_names or library == "crmvalue":
                continue
            if runs:
                assert library in CORE, f"{name} imports {library} when it is loaded"
                assert library != "scipy", f"{name} loads scipy before it is used"
            else:
                allowed = CORE | EXTRAS if height(top) == 4 else CORE
                assert library in allowed, f"{name} imports {library}"

    def test_the_three_libraries_are_the_declared_dependencies(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert {re.match(r"[\w-]+", line).group() for line in project["dependencies"]} == CORE

    def test_the_reader_of_imports_sees_them_all(self):
        source = (
            "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\nelse:\n    import f\n"
            "try:\n    import g\nexcept ImportError:\n    pass\n"
            "def h():\n    from crmvalue import i\n    class J:\n        import k\nfrom . import l\nfrom .m import n\n"
        )
        assert imports_of(ast.parse(source), "pack") == [
            ("a.b", True),
            ("c", True),
            ("e", False),
            ("f", True),
            ("g", True),
            ("crmvalue.i", False),
            ("k", False),
            ("crmvalue.pack", True),
            ("crmvalue.pack.m", True),
        ]


class TestLoading:
    """Importing a module loads numpy and attrs; everything heavier waits until a function needs it."""

    @pytest.mark.parametrize(
        "name", ["", *sorted(top for top in TOP_LEVEL if not top.startswith("_") and top not in OUTER)]
    )
    def test_loads_no_scipy_and_no_extra(self, name):
        module = f"crmvalue.{name}".rstrip(".")
        code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = set(run.stdout.split())
        assert "crmvalue" in loaded
        assert not loaded & {"scipy", "duckdb", "matplotlib", "pandas", "polars", "pyarrow", "narwhals"}


class TestFiles:
    """Short modules, typed for others to see, and no silenced finding without its reason."""

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
    def test_no_module_is_over_700_lines(self, path):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 700

    def test_types_are_shipped(self):
        assert (PACKAGE / "py.typed").is_file()

    @pytest.mark.parametrize("folder", ["crmvalue", "tests", "docs", "benchmarks", "examples"])
    def test_every_silenced_finding_names_its_code_and_reason(self, folder):
        base = PACKAGE if folder == "crmvalue" else ROOT / folder
        bare = [
            f"{path.relative_to(base)}:{line}: {comment}"
            for path in sorted(base.rglob("*.py"))
            for line, comment in comments(path.read_text(encoding="utf-8"))
            if is_bare(comment)
        ]
        assert bare == []

    @pytest.mark.parametrize(
        ("comment", "bare"),
        [
            ("# noqa", True),
            ("# noqa: E501", True),
            ("# NOQA:E501 - a table", True),
            ("# noqa: E501 - a table of the source", False),
            ("# noqa: E501, S101 - a table of the source", False),
            ("# type: ignore", True),
            ("# type: ignore[arg-type]", True),
            ("# type: ignore[arg-type]  # scipy ships no types", False),
            ("# pragma: no cover", True),
            ("# pragma: no cover - only without the extra", False),
            ("# mypy: ignore-errors", True),
            ("# ruff: noqa", True),
            ("# an ordinary comment", False),
        ],
    )
    def test_the_reader_of_comments_knows_them(self, comment, bare):
        assert is_bare(comment) == bare


def comments(source):
    """Give each comment of a source with its line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def is_bare(comment):
    """Tell a comment that silences a tool without saying what and why."""
    silences = re.search(r"noqa|type:\s*ignore|pragma:|(ruff|mypy|pylint|pyright):", comment, re.IGNORECASE)
    good = (
        r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \S.*",
        r"# type: ignore\[[a-z-]+(, [a-z-]+)*\]  # \S.*",
        r"# pragma: no (cover|branch) - \S.*",
    )
    return bool(silences) and not any(re.fullmatch(form, comment) for form in good)
