"""How long `import crmvalue` takes beside `import numpy`: fresh processes, in turns, medians.

    python benchmarks/bench_import.py [REPETITIONS]

The interpreter's own start is measured as well and taken off both, because nobody can do without it.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from time import perf_counter

STATEMENTS = {"nothing": "pass", "numpy": "import numpy", "crmvalue": "import crmvalue"}
TARGET = 2.0


def seconds(statement):
    start = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return perf_counter() - start


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    times = {name: [] for name in STATEMENTS}
    for round_number in range(repetitions + 2):
        for name, statement in STATEMENTS.items():
            taken = seconds(statement)
            if round_number >= 2:  # the first rounds fill the caches of files and byte code
                times[name].append(taken)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    own = {name: median[name] - median["nothing"] for name in ("numpy", "crmvalue")}

    print(f"Python {platform.python_version()}, numpy {version('numpy')}, {repetitions} fresh processes each\n")
    print("| process | whole, ms | import alone, ms | times numpy's import |")
    print("|---|---:|---:|---:|")
    print(f"| `pass` | {median['nothing'] * 1e3:.0f} | | |")
    for name, alone in own.items():
        ratio = alone / own["numpy"]
        print(f"| `import {name}` | {median[name] * 1e3:.0f} | {alone * 1e3:.0f} | {ratio:.2f} |")
    met = own["crmvalue"] <= TARGET * own["numpy"]
    print(f"\nTarget: at most {TARGET:g} times. {'Met.' if met else 'Missed.'}")


if __name__ == "__main__":
    main()
