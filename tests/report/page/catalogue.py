"""The catalogues of the report's labels: what the package asks for, what they hold, and the compiled form.

``python -m tests.report.page.catalogue`` writes each `.mo` from the `.po` beside it, as ``make words`` does.
"""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path

import crmvalue

__all__ = ["FOLDER", "asked_for", "compiled", "read_catalogue"]

FOLDER = Path(crmvalue.__file__).parent / "_report" / "page"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def asked_for():
    """Give the labels that the code and the template ask for: first arguments of `_` and `words`."""
    import jinja2
    from jinja2.ext import extract_from_ast

    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and label_of(node) is not None:
                found.add(label_of(node))
    template = jinja2.Environment(autoescape=True).parse((FOLDER / "page.html").read_text(encoding="utf-8"))
    for _, _, label in extract_from_ast(template, ["_"]):
        found.add(label if isinstance(label, str) else label[0])
    return found


def label_of(node):
    """Give the text of a call for a label, and None for any other call."""
    name = getattr(node.func, "id", None) or (
        node.func.attr == "self" if isinstance(node.func, ast.Attribute) else None
    )
    if name not in {"_", "words", "self"} or not node.args or not isinstance(node.args[0], ast.Constant):
        return None
    return node.args[0].value if isinstance(node.args[0].value, str) else None


def read_catalogue(path):
    """Read a catalogue of pairs `msgid` and `msgstr`, which may go over several lines; comments are left out."""
    entries, last = {}, None
    pair = {"msgid": "", "msgstr": ""}
    for line in [*path.read_text(encoding="utf-8").splitlines(), 'msgid "end"']:
        key = line.split(" ", 1)[0]
        if key == "msgid" and last == "msgstr":
            assert pair["msgid"] not in entries, f"twice in {path.name}: {pair['msgid']}"
            entries[pair["msgid"]] = pair["msgstr"]
            pair = {"msgid": "", "msgstr": ""}
        if key in pair:
            last = key
        if line and not line.startswith("#"):
            pair[last] += "".join(ast.literal_eval(text) for text in _STRING.findall(line))
    return entries


def compiled(entries):
    """Give a catalogue in the binary form of gettext: the GNU manual, "The Format of GNU MO Files"."""
    pairs = sorted((key.encode(), text.encode()) for key, text in entries.items())
    n, start = len(pairs), 28 + 16 * len(pairs)
    tables, data = [b"", b""], b""
    for which in (0, 1):
        for pair in pairs:
            tables[which] += struct.pack("<II", len(pair[which]), start + len(data))
            data += pair[which] + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, n, 28, 28 + 8 * n, 0, 28 + 16 * n) + tables[0] + tables[1] + data


if __name__ == "__main__":
    for source in sorted((FOLDER / "words").glob("*.po")):
        source.with_suffix(".mo").write_bytes(compiled(read_catalogue(source)))
