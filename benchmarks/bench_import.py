"""Time `import crmvalue` and `import numpy`: fresh processes in turns, medians.

    python benchmarks/bench_import.py [REPETITIONS]

`import crmvalue` alone loads none of its modules. So all of them together are measured too: the time of a program that
uses everything. The start of the interpreter is subtracted, because no program can avoid it.
"""

from __future__ import annotations

import pkgutil
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from time import perf_counter

import crmvalue

TARGET = 2.0
MODULES = sorted(
    info.name
    for info in pkgutil.iter_modules(crmvalue.__path__, "crmvalue.")
    if not info.name.split(".")[-1].startswith("_")
)
STATEMENTS = {
    "pass": "pass",
    "import numpy": "import numpy",
    "import crmvalue": "import crmvalue",
    "import all its modules": "import " + ", ".join(MODULES),
}


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
    alone = {name: taken - median["pass"] for name, taken in median.items()}
    ratio = {name: taken / alone["import numpy"] for name, taken in alone.items()}

    print(f"Python {platform.python_version()}, numpy {version('numpy')}, {repetitions} fresh processes each\n")
    print("| process | whole, ms | import alone, ms | times numpy's import |")
    print("|---|---:|---:|---:|")
    for name, whole in median.items():
        print(f"| `{name}` | {whole * 1e3:.0f} | {alone[name] * 1e3:.0f} | {ratio[name]:.2f} |")
    met = max(ratio.values()) <= TARGET
    print(f"\nTarget: at most {TARGET:g} times, with all modules. {'Met.' if met else 'Missed.'}")


if __name__ == "__main__":
    main()
