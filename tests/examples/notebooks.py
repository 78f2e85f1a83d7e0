"""Run notebooks and store what their cells show: `python -m tests.examples.notebooks`.

IPython runs the cells and formats what they show, as in Jupyter. No kernel and no server is started. With `--check`,
nothing is stored: what the cells show is compared with what is stored. Numbers may differ in the seventh digit, and
pictures in PNG are compared by the Vega-Lite dictionary beside them.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import ClassVar

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
NOT_COMPARED = ("image/png", "text/html")  # the picture by its dictionary, the table by its text


def outputs_of(sources):
    """Run the cells of one notebook and give the outputs of each, as a notebook stores them."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    class Keep(DisplayHook):
        """Keep what a cell shows instead of printing it."""

        kept: ClassVar[list] = []

        def write_output_prompt(self):
            """Write none: a notebook numbers its outputs itself."""

        def write_format_data(self, format_dict, md_dict=None):  # noqa: ARG002 - as IPython calls it
            self.kept.append(format_dict)

    HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(displayhook_class=Keep)
    found = []
    for number, source in enumerate(sources, 1):
        Keep.kept.clear()
        with capture_output(display=False) as captured, warnings.catch_warnings():
            warnings.simplefilter("error")
            done = shell.run_cell(source, store_history=True)
        done.raise_error()
        assert captured.stderr == "", captured.stderr
        shown = [{"output_type": "stream", "name": "stdout", "text": captured.stdout}] if captured.stdout else []
        for rich in Keep.kept:
            data = {
                kind: base64.b64encode(item).decode() if isinstance(item, bytes) else item
                for kind, item in rich.items()
            }
            result = {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": number}
            shown.append(result)
        found.append(shown)
    return found


def is_alike(stored, shown):
    """Whether two outputs are the same but for rounding."""
    if isinstance(stored, dict):
        return stored.keys() == shown.keys() and all(
            name in NOT_COMPARED or is_alike(item, shown[name]) for name, item in stored.items()
        )
    if isinstance(stored, list):
        return len(stored) == len(shown) and all(map(is_alike, stored, shown))
    if isinstance(stored, float):
        return math.isclose(stored, shown, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(stored, str) and isinstance(shown, str):
        numbers = [NUMBER.findall(text) for text in (stored, shown)]
        words = [NUMBER.sub("", text).split() for text in (stored, shown)]
        return words[0] == words[1] and is_alike(*([float(number) for number in found] for found in numbers))
    return stored == shown


def main(arguments):
    """Run the notebooks that are named, or all."""
    import nbformat

    check = "--check" in arguments
    paths = [Path(name) for name in arguments if name != "--check"] or sorted(EXAMPLES.glob("*.ipynb"))
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, (cell, shown) in enumerate(zip(cells, outputs_of([cell.source for cell in cells]), strict=True), 1):
            stored = json.loads(json.dumps(cell.outputs))
            if check and not is_alike(stored, json.loads(json.dumps(shown))):
                sys.exit(f"{path.name}, cell {number} shows something else than it stores:\n{cell.source}")
            cell.outputs, cell.execution_count = [nbformat.from_dict(output) for output in shown], number
        if not check:
            nbformat.validate(notebook)
            nbformat.write(notebook, path)
        print(f"{path.name}: {len(cells)} cells {'are as stored' if check else 'stored'}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPYTHONDIR"] = folder
        main(sys.argv[1:])
