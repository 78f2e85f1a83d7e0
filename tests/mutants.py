"""Break the code on purpose, one small change at a time, and see whether a test notices.

``python tests/mutants.py crmvalue/_ltv crmvalue/_metrics`` takes a seeded sample of 20 changes of each file: another
comparison, operator, constant or truth value. Each runs the tests of the same room until the first failure, in a copy
of the project. It prints the changes that no test noticed. Some of them change nothing that anybody can see.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = 300  # seconds; a change that makes the tests hang has been noticed
QUIETLY = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
LOADED_ONCE = ("numpy", "scipy.special", "scipy.stats", "scipy.optimize", "attrs", "mpmath")

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
        self.target, self.n, self.line = target, 0, 0

    def visit(self, node: ast.AST) -> ast.AST:
        """Leave out what has no effect at run time, and texts: annotations, decorators, f-strings."""
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            return node
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
        if self.n - 1 == self.target:
            self.line = node.lineno
        return self.n - 1 == self.target


def mutate(source: str, target: int) -> tuple[str, int]:
    """Give the source with one change, and the line of the change."""
    mutation = Mutation(target)
    tree = mutation.visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)), mutation.line


def n_places(source: str) -> int:
    """Count the places that can be changed."""
    mutation = Mutation()
    mutation.visit(ast.parse(source))
    return mutation.n


def tests_of(path: Path) -> list[str]:
    """Give the tests of a file of a room, the nearest first: those of its name, of its folder, of its room."""
    inside = path.parent.relative_to("crmvalue")
    room = Path("tests", inside.parts[0].lstrip("_"))
    folder = Path(room, *inside.parts[1:])
    return [str(place) for place in (folder / f"test_{path.name}", folder, room) if Path(place).exists()]


def is_noticed(tests: list[str]) -> bool:
    """Run the tests in a process of their own, until one fails."""
    child = os.fork()
    if not child:
        signal.alarm(LONGEST)
        code = 1
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                code = int(any(pytest.main([place, *QUIETLY]) for place in tests))
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] != 0


@cache
def is_green(*tests: str) -> bool:
    """Tell whether the tests pass without any change."""
    return not is_noticed([*tests])


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
    with tempfile.TemporaryDirectory() as copy:
        for name in ("crmvalue", "tests"):
            shutil.copytree(name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
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
    if chosen and not is_green(tests_of(file)[-1]):
        say(f"{file}: the tests fail without any change")
        return
    for target in sorted(chosen):
        changed, line = mutate(source, target)
        file.write_text(changed)
        if not is_noticed(tests_of(file)):
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
