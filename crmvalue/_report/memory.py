"""How much memory a database may take: a share of what the machine and the limits of the process leave."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crmvalue._report.sources import import_duckdb, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue._report.sources import Database

__all__ = ["available_memory", "open_database"]

_SHARE = 0.5  # the rest is for the columns that come out of the database
_LEAST = 128 << 20  # bytes without which no query runs
_GROUPS = (  # files of a control group: its limit, and what it takes now
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_memory() -> int | None:
    """Give the bytes that the process may still take; None if the system does not say."""
    free = [_field("/proc/meminfo", "MemAvailable:"), _address_space()]
    for limit, usage in _GROUPS:
        most, taken = _number(limit), _number(usage)
        if most is not None and taken is not None:
            free.append(most - taken)
    return min((max(number, 0) for number in free if number is not None), default=None)


def _address_space() -> int | None:
    """Give the bytes that the limit of the address space leaves."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = _field("/proc/self/status", "VmSize:")
    return None if most == resource.RLIM_INFINITY or taken is None else most - taken


def _field(file: str, name: str) -> int | None:
    """Read a line such as "VmSize: 12 kB" as bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _number(file: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
        return int(Path(file).read_text(encoding="utf-8"))
    return None


@contextlib.contextmanager
def open_database() -> Iterator[Database]:
    """Open a database in memory that moves to the disk what does not fit; the disk is cleared at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="crmvalue-", ignore_cleanup_errors=True) as folder,
        import_duckdb("reading files").connect() as database,
    ):
        database.execute(f"set temp_directory = {literal(folder)}")
        free = available_memory()
        if free is not None:
            database.execute(f"set memory_limit = '{max(int(free * _SHARE), _LEAST) >> 10}KiB'")
        yield database
