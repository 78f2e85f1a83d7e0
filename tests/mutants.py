"""Break the code on purpose, one small change at a time, and see whether a test notices.

``python tests/mutants.py crmvalue/_ltv crmvalue/_metrics`` takes a seeded sample of 20 changes of each file: another
comparison, operator, constant or truth value. It prints the changes that no test noticed. Some of them change nothing
that anybody can see.

All happens in a copy of the project. The tests of a room run once without any change, to learn which test runs which
lines and how long it takes. Each change then meets only the tests that run its lines, until the first failure. The
tests that noticed most so far come first, then the fast ones. A constant runs at import and meets all of its file.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import coverage
import pytest
from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
QUIETLY = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
)
EXAMPLES = {"few": 15, "many": 100}  # of a property test; the many look at what the few let through
AT_IMPORT = ""  # what coverage calls the time before the first test
LOADED_ONCE = ("scipy.special", "scipy.stats", "scipy.optimize", "mpmath", "pandas", "polars", "pyarrow")

OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


class Mutation(ast.NodeTransformer):
    """Change the place with the number `target`, and count all places."""

    def __init__(self, target: int = -1) -> None:
        self.target, self.n, self.line, self.lines = target, 0, 0, range(0)
        self.statement: ast.stmt | None = None

    def visit(self, node: ast.AST) -> ast.AST:
        """Leave out what has no effect at run time, and texts: annotations, decorators, f-strings."""
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            return node
        around, self.statement = self.statement, node if isinstance(node, ast.stmt) else self.statement
        changed = self.visited(node)
        self.statement = around
        return changed

    def visited(self, node: ast.AST) -> ast.AST:
        """Visit what the node holds, then the node."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            if isinstance(value, list):
                value[:] = [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return self.changed(node)

    def changed(self, node: ast.AST) -> ast.AST:
        """Give the node, or what stands in its place."""
        if isinstance(node, ast.Compare):
            for i, op in enumerate(node.ops):
                if self.here(node):
                    node.ops[i] = OTHER[type(op)]()
        elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OTHER:
            if self.here(node):
                node.op = OTHER[type(node.op)]()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            if self.here(node):
                return node.operand
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float) and self.here(node):
            return ast.copy_location(
                ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1), node
            )
        return node

    def here(self, node: ast.AST) -> bool:
        """Count a place, and tell whether it is the one to change."""
        self.n += 1
        if self.n - 1 != self.target:
            return False
        first = self.statement.lineno
        body = getattr(self.statement, "body", None)
        last = body[0].lineno - 1 if body else self.statement.end_lineno
        self.line, self.lines = node.lineno, range(first, max(first, last) + 1)
        return True


def mutate(source: str, target: int) -> tuple[str, int, range]:
    """Give the source with one change, the line of the change, and the lines of its statement."""
    mutation = Mutation(target)
    tree = mutation.visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)), mutation.line, mutation.lines


def n_places(source: str) -> int:
    """Count the places that can be changed."""
    mutation = Mutation()
    mutation.visit(ast.parse(source))
    return mutation.n


class Watch:
    """Note how long each test takes, and tell coverage which test runs."""

    def __init__(self, lines: coverage.Coverage) -> None:
        self.lines, self.seconds = lines, Counter()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.lines.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration


class Choice:
    """Run the given tests in their order, and write down the first that fails."""

    def __init__(self, tests: list[str]) -> None:
        self.rank = {test: rank for rank, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.rank), key=lambda one: self.rank[one.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            Path("noticed").write_text(report.nodeid)


@attrs.frozen
class Room:
    """The tests of a room: what each takes without any change, and which lines it runs."""

    seconds: dict[str, float]
    lines: coverage.CoverageData
    noticed: Counter

    def tests_of(self, file: Path, lines: range) -> list[str]:
        """Give the tests that run one of the lines, in the order to try them."""
        by_line = self.lines.contexts_by_lineno(str(file.resolve()))
        near = {test for tests in by_line.values() for test in tests}
        chosen = {test for line in lines for test in by_line.get(line, ())}
        if AT_IMPORT in chosen:
            chosen = near if len(near) > 1 else set(self.seconds)
        return sorted(chosen - {AT_IMPORT}, key=lambda test: (-self.noticed[test], self.seconds[test]))

    def is_noticed(self, tests: list[str]) -> bool:
        """Run the tests until one fails. A change that makes them hang has been noticed."""
        if not tests:
            return False
        Path("noticed").write_text("")
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        longest = 20 + 4 * sum(self.seconds[test] for test in tests)
        for profile, examples in EXAMPLES.items():
            command = [*files, *QUIETLY, f"--hypothesis-profile={profile}"]
            if not is_green_apart(partial(pytest.main, command, [Choice(tests)]), longest * examples / EXAMPLES["few"]):
                self.noticed[Path("noticed").read_text()] += 1
                return True
        return False


def is_green_apart(work: Callable[[], int], longest: float) -> bool:
    """Do the work in a process of its own, and tell whether it gave 0 in so many seconds of the processor."""
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_PROF, longest)
        code = 1
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                code = int(work())
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def watched(name: str) -> int:
    """Run the tests of a room without any change, and write down what they run. Later runs need not compile them."""
    sys.dont_write_bytecode = False
    lines = coverage.Coverage(data_file=f"{name}.lines", source=["crmvalue"], config_file=False)
    watch = Watch(lines)
    lines.start()
    code = pytest.main([f"tests/{name}", *QUIETLY, "--hypothesis-profile=few"], [watch])
    lines.stop()
    lines.save()
    Path(f"{name}.seconds").write_text(json.dumps(watch.seconds))
    return code


@cache
def room_of(name: str) -> Room | None:
    """Learn the tests of a room, unless one fails without any change."""
    if not is_green_apart(partial(watched, name), 3600):
        return None
    lines = coverage.CoverageData(f"{name}.lines")
    lines.read()
    return Room(json.loads(Path(f"{name}.seconds").read_text()), lines, Counter())


def main() -> None:
    """Change the files that the command names, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders of crmvalue")
    parser.add_argument("--sample", type=int, default=20, help="changes of each file")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.chdir(ROOT)
    files = [file for path in options.paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    for name in LOADED_ONCE:
        importlib.import_module(name)
    for profile, n in EXAMPLES.items():
        settings.register_profile(
            profile,
            deadline=None,
            max_examples=n,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=[HealthCheck.too_slow],
        )
    with tempfile.TemporaryDirectory() as copy:
        for name in ("crmvalue", "tests", "docs", "benchmarks"):  # some tests read pages and studies
            shutil.copytree(name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__", "_build"))
        shutil.copy("pyproject.toml", copy)
        os.chdir(copy)
        sys.dont_write_bytecode = True
        sys.path[0] = copy
        os.environ["PYTHONPATH"] = copy
        sys.path[:] = [place for place in sys.path if Path(place).resolve() != ROOT]
        for file in files:
            examine(file, options)


def examine(file: Path, options: argparse.Namespace) -> None:
    """Try a sample of the changes of one file."""
    source = file.read_text()
    n = n_places(source)
    lived = []
    chosen = random.Random(f"{options.seed} {file}").sample(range(n), min(n, options.sample))  # noqa: S311 - no secret
    if not chosen:
        return
    room = room_of(file.parts[1].lstrip("_"))
    if room is None:
        say(f"{file}: the tests fail without any change")
        return
    for target in sorted(chosen):
        changed, line, lines = mutate(source, target)
        file.write_text(changed)
        if not room.is_noticed(room.tests_of(file, lines)):
            lived.append(line)
            before, after = ast.unparse(ast.parse(source)).splitlines(), changed.splitlines()
            told = [f"    {a.strip()}  ->  {b.strip()}" for a, b in zip(before, after, strict=False) if a != b]
            say("\n".join((f"{file}:{line} lived", *told[:1])))
    file.write_text(source)
    say(f"| `{file}` | {len(chosen)} | {len(chosen) - len(lived)} |")


def say(text: str) -> None:
    """Print at once, since the whole run takes long."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
