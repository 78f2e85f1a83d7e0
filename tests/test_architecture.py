"""What may import what, how long a module may be, and what an import may load; read from the source itself."""

from __future__ import annotations

import ast
import importlib
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
TESTS = Path(__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

OUTER = {"frames", "plots", "report", "__main__"}
"""The doors above all subjects; they may import extras, inside functions."""

SHARED_ROOMS = {"__main__": "report"}
"""Doors without a room of their own, and the door whose room they use."""

PAIRS = {
    ("cohorts", "ltv"),
    ("cohorts", "metrics"),
    ("cohorts", "models"),
    ("experiments", "metrics"),
    ("funnels", "metrics"),
    ("journeys", "attribution"),
    ("journeys", "metrics"),
    ("journeys", "segmentation"),
    ("models", "ltv"),
    ("models", "purchases"),
    ("products", "journeys"),
    ("products", "metrics"),
    ("segmentation", "metrics"),
}
"""Subjects that are made of another: (importer, imported). They ask its door."""

ACROSS = {
    ("frames", "_journeys.planning.planner"): "events with a zone tell moments, which local times do not",
    ("frames", "_journeys.results.measure"): "columns with a zone tell moments, which local times do not",
    ("frames", "_journeys.zones"): "times with a zone become local times of the customers",
    ("frames", "_products.lines"): "copies are found by moments, which a column with a zone has",
    ("frames", "_purchases.order_log"): "engines follow the same policies, and their counts find the same last day",
    ("frames", "_models.shared.purchase_model"): "predictions on distinct rows, which the engine joins back",
    ("frames", "_models.validation.candidates"): "the candidate that the orders chose, fitted to distinct rows",
    ("frames", "_models.values.customer_values"): "the warning of a fit that is not usable",
    ("frames", "_models.spend.gamma_gamma"): "the gamma-gamma model, fitted to distinct rows",
    ("frames", "_models.spend.lognormal"): "the lognormal model, fitted to sums that an engine gives",
    ("frames", "_models.spend.any_model"): "a spend model or its fit, as everywhere",
    ("frames", "_segmentation.membership"): "segments are checked once, for arrays and frames",
    ("frames", "_cohorts.retention"): "calendar periods by number, for arrays and frames",
    ("frames", "_cohorts.starts"): "one rule and one warning of old customers, for arrays and frames",
    ("frames", "_funnels.counts"): "the table of the stages, for arrays and frames",
    ("frames", "_funnels.steps"): "steps and window are checked once, for arrays and frames",
    ("frames", "_segmentation.migration"): "the order of the groups, for arrays and frames",
    ("frames", "_segmentation.rfm"): "break points of counts, as an engine gives them",
    ("frames", "_segmentation.rules"): "rules become expressions of an engine",
    ("frames", "_models.values.outcomes"): "predictions on distinct rows; the value is an expression of the engine",
    ("report", "_models.seasons.calendar"): "the names of the months, as in every calendar",
    ("report", "_purchases.order_log"): "the overview reads a log once for all its parts",
    ("report", "_models.validation.calibration"): "the overview says itself what would be a warning",
    ("report", "_models.validation.choice"): "the overview chooses among its own fits, of logs that it has read",
    ("report", "_models.validation.comparison"): "the overview forecasts by a naive rule where no model is usable",
    ("report", "plots"): "the page shows the picture of one customer",
    ("__main__", "_purchases.order_log"): "the command reads the file into that log",
}
"""Modules of a room that another door may import, each with its reason: (door, module)."""

CIRCLES: list[set[str]] = []
"""Circles of imports that are allowed, each with its reason."""

MOST_FILES, MOST_LINES = 12, 700
CORE = {"numpy", "scipy", "attrs", "narwhals"}
EXTRAS = {"duckdb", "jinja2", "matplotlib", "sqlframe"}
EXTRAS_OF_ROOMS = {
    "_core.phones": {"phonenumbers"},
    "_core.pictures.drawing": {"matplotlib"},
    "_codes.passwords": {"pyotp"},
    "_profiles.names": {"rapidfuzz"},
    "_profiles.scores": {"splink", "duckdb"},
}
"""Extras that one module of a room imports, where it needs them."""


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
            elif isinstance(child, ast.If) and any(
                isinstance(part, ast.Name) and part.id == "TYPE_CHECKING" for part in ast.walk(child.test)
            ):
                visit(ast.Module(child.body, []), runs=False)
                visit(ast.Module(child.orelse, []), runs=runs)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                visit(child, runs=False)  # the decorators and defaults, which do run, import nothing
            elif not isinstance(child, ast.expr):  # no expression holds an import
                visit(child, runs=runs)

    visit(tree, runs=True)
    return found


TREES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
PACKAGES = {name_of(path) for path in FILES if path.name == "__init__.py"}
IMPORTS = {
    name: imports_of(tree, name if name in PACKAGES else name.rpartition(".")[0]) for name, tree in TREES.items()
}


def inside(name):
    """Give the modules of the package that a module imports, lazily and for types only included."""
    found = set()
    for module, _ in IMPORTS[name]:
        path = module.removeprefix("crmvalue").removeprefix(".")
        if module.split(".")[0] == "crmvalue":
            found.add(path if path in TREES else path.rpartition(".")[0])
    return found - {name}


INTERNAL = {name: inside(name) for name in TREES}
DOORS = sorted(name for name in TREES if name and "." not in name and (not name.startswith("_") or name in OUTER))
ROOMS = sorted({name.split(".")[0] for name in TREES if name.startswith("_") and not name.startswith("__")})


def door_of(name):
    """Give the door of a module: itself, or the one that its room stands behind; "" for the ground."""
    top = name.split(".")[0]
    if top in {"", "errors", "typing", "_core"}:
        return ""
    return top.removeprefix("_") if top in ROOMS else SHARED_ROOMS.get(top, top)


def height(name):
    """Give the floor of a module: errors and types, the ground, rooms, doors, and what reads and prints."""
    top = name.split(".")[0]
    if top in {"errors", "typing"}:
        return 0
    if top == "_core":
        return 1
    if door_of(name) in OUTER:
        return 4
    return 2 if top in ROOMS else 3


def allowed(name, target):
    """Whether a module may import another."""
    if height(target) < 2:
        return height(target) < height(name) or height(target) == height(name) == 1
    own, other = door_of(name), door_of(target)
    if own == other:  # a door asks its room, never the other way round
        return not (name.split(".")[0] in ROOMS and target in DOORS)
    if (own, target) in ACROSS:
        return True
    is_door = target in DOORS
    return is_door and (height(name) == 4 > height(target) or (own, other) in PAIRS)


def circles(edges):
    """Find the sets of nodes from which each other one can be reached."""
    reach = {node: set(targets) for node, targets in edges.items()}
    for middle, beyond in reach.items():
        for ahead in reach.values():
            if middle in ahead:
                ahead.update(beyond)
    rings = {frozenset(other for other in reach[node] if node in reach.get(other, ())) for node in reach}
    return sorted((set(ring) for ring in rings if len(ring) > 1), key=sorted)


def folder_of(name):
    """Give the folder in which a module stands."""
    return name if name in PACKAGES else name.rpartition(".")[0]


class TestImports:
    """Imports flow one way: errors and types, the ground, rooms, doors, and what reads and prints."""

    @pytest.mark.parametrize("name", sorted(TREES))
    def test_go_one_way(self, name):
        for target in INTERNAL[name]:
            assert target in TREES, f"{name} imports crmvalue.{target}, which does not exist"
            assert allowed(name, target), f"{name} imports {target}"

    def test_run_in_no_circle(self):
        assert circles(INTERNAL) == CIRCLES

    def test_inner_rooms_stand_in_one_order(self):
        """What stands in the folder of a room itself may serve its inner rooms and use them."""
        inner = {folder_of(name) for name in TREES if folder_of(name).count(".")}
        edges = {
            folder: {folder_of(target) for name in TREES if folder_of(name) == folder for target in INTERNAL[name]}
            & (inner - {folder})
            for folder in inner
        }
        assert circles(edges) == []

    def test_the_finder_of_circles_finds_them(self):
        edges = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"g"}, "g": {"f"}}
        assert circles(edges) == [{"a", "b", "c"}, {"f", "g"}]

    @pytest.mark.parametrize(
        ("name", "target", "good"),
        [
            ("_metrics.common", "_core.checks", True),
            ("_core.checks", "_metrics.common", False),
            ("_core.checks", "errors", True),
            ("errors", "_core.checks", False),
            ("metrics", "_metrics.common", True),
            ("_metrics.common", "metrics", False),
            ("_models.shared.fit", "purchases", True),
            ("_models.shared.fit", "_purchases.order_log", False),
            ("_ltv.rates", "metrics", False),
            ("_report.groups", "journeys", True),
            ("_report.groups", "_journeys.data", False),
            ("__main__", "_report.reading.orders", True),
            ("ltv", "report", False),
        ],
    )
    def test_the_rule_itself(self, name, target, good):
        assert allowed(name, target) == good

    def test_the_package_itself_imports_nothing_of_its_own(self):
        assert INTERNAL[""] == set()

    @pytest.mark.parametrize("name", sorted(PACKAGES - {"", "datasets"}))
    def test_a_room_imports_nothing_by_itself(self, name):
        assert IMPORTS[name] == []
        assert 1 <= len(ast.get_docstring(TREES[name]).splitlines()) <= 8

    @pytest.mark.parametrize("name", sorted(TREES))
    def test_core_needs_four_libraries(self, name):
        for module, runs in IMPORTS[name]:
            library = module.split(".")[0]
            if library in sys.stdlib_module_names or library == "crmvalue":
                continue
            if runs:
                assert library in CORE, f"{name} imports {library} when it is loaded"
                assert library not in {"scipy", "narwhals"}, f"{name} loads {library} before it is used"
            else:
                extras = EXTRAS if height(name) == 4 else EXTRAS_OF_ROOMS.get(name, set())
                assert library in CORE | extras, f"{name} imports {library}"

    def test_the_four_libraries_are_the_declared_dependencies(self):
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


LATER = {"scipy", "duckdb", "matplotlib", "pandas", "polars", "pyarrow", "narwhals"}
LATER |= {"phonenumbers", "pyotp", "rapidfuzz", "splink"}


class TestLoading:
    """Importing a module loads numpy and attrs; everything heavier waits until a function needs it."""

    def test_loads_no_scipy_and_no_extra(self):
        """Each module is imported by itself, in one process that forgets the package in between."""
        code = (
            "import importlib, sys\n"
            "for module in sys.argv[1:]:\n"
            "    for known in [name for name in sys.modules if name.partition('.')[0] == 'crmvalue']:\n"
            "        del sys.modules[known]\n"
            "    importlib.import_module(module)\n"
            "    print(module, *sorted({name.partition('.')[0] for name in sys.modules}))"
        )
        modules = ["crmvalue", *(f"crmvalue.{name}" for name in sorted(set(DOORS) - OUTER))]
        run = subprocess.run(
            [sys.executable, "-c", code, *modules],
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = [line.split() for line in run.stdout.splitlines()]
        assert [module for module, *_ in loaded] == modules
        for module, *packages in loaded:
            assert "crmvalue" in packages, module
            assert not set(packages) & LATER, module


class TestFiles:
    """Short modules, typed for others to see, and no silenced finding without its reason."""

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
    def test_no_module_is_too_long(self, path):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES

    def test_no_private_module_stands_at_the_top(self):
        assert [path.name for path in PACKAGE.glob("_*.py") if not path.name.startswith("__")] == []

    @pytest.mark.parametrize("base", [PACKAGE, TESTS], ids=["package", "tests"])
    def test_no_room_is_too_full(self, base):
        """The folder of the doors itself may hold more."""
        full = [
            folder.relative_to(base).as_posix()
            for folder in base.rglob("*/")
            if len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) > MOST_FILES
        ]
        assert full == []

    @pytest.mark.parametrize("room", ROOMS)
    def test_every_room_is_the_room_of_a_door(self, room):
        assert room == "_core" or room.removeprefix("_") in DOORS

    @pytest.mark.parametrize("room", sorted(PACKAGES - {""} | set(DOORS) - {"errors", "typing", "__main__"}))
    def test_every_room_has_its_tests(self, room):
        assert list((TESTS / room.removeprefix("_").replace(".", "/")).rglob("test_*.py"))

    def test_what_tests_name_by_text_exists(self):
        """A patch by text would otherwise outlive what it patches."""
        lost = [
            f"{path.relative_to(TESTS)}: {text}"
            for path in sorted(set(TESTS.rglob("*.py")) - {Path(__file__)})
            for text in texts(path.read_text(encoding="utf-8"))
            if re.fullmatch(r"crmvalue(\.\w+)+", text) and not exists(text)
        ]
        assert lost == []

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


def texts(source):
    """Give each text of a source."""
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def exists(dotted):
    """Whether a dotted name leads from a module to something in it."""
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        name = ".".join(parts[1:split])
        if name in TREES:
            thing = importlib.import_module(".".join(parts[:split]))
            for part in parts[split:]:
                if not hasattr(thing, part):
                    return False
                thing = getattr(thing, part)
            return True
    return False


SILENCES = re.compile(r"noqa|type:\s*ignore|pragma:|(ruff|mypy|pylint|pyright):", re.IGNORECASE)


def comments(source):
    """Give each comment of a source with its line; a source without a word that silences needs no reading."""
    if not SILENCES.search(source):
        return []
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def is_bare(comment):
    """Tell a comment that silences a tool without saying what and why."""
    good = (
        r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \S.*",
        r"# type: ignore\[[a-z-]+(, [a-z-]+)*\]  # \S.*",
        r"# pragma: no (cover|branch) - \S.*",
    )
    return bool(SILENCES.search(comment)) and not any(re.fullmatch(form, comment) for form in good)
