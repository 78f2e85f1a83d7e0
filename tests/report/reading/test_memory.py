"""How much memory the database of the command may take, and where it puts what does not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crmvalue._report.reading import sources as memory

pytest.importorskip("duckdb")


class TestAvailableMemory:
    """The smallest of what the machine, its control group and the limits of the process leave."""

    def test_the_smallest_counts(self, monkeypatch):
        monkeypatch.setattr(memory, "_field", lambda *_: 5000)
        monkeypatch.setattr(memory, "_address_space", lambda: 4000)
        monkeypatch.setattr(memory, "_number", lambda file: 3000 if "max" in file or "limit" in file else 1000)
        assert memory.available_memory() == 2000
        monkeypatch.setattr(memory, "_number", lambda _: None)
        assert memory.available_memory() == 4000

    def test_a_system_that_does_not_say(self, monkeypatch):
        for name in ("_field", "_number"):
            monkeypatch.setattr(memory, name, lambda *_: None)
        monkeypatch.setattr(memory, "_address_space", lambda: None)
        assert memory.available_memory() is None
        with memory.open_database() as database:
            assert database.execute("select 1").fetchone() == (1,)

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such files")
    def test_limit_of_the_address_space(self, monkeypatch):
        import resource

        monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 45, 1 << 45))
        assert 0 < memory._address_space() < 1 << 45
        monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
        assert memory._address_space() is None


class TestOpenDatabase:
    """A share of the free memory, and a folder of its own for the rest."""

    def test_limit_and_folder(self, monkeypatch):
        monkeypatch.setattr(memory, "available_memory", lambda: 1 << 30)
        with memory.open_database() as database:
            limit, folder = database.execute(
                "select current_setting('memory_limit'), current_setting('temp_directory')"
            ).fetchone()
            assert limit == "512.0 MiB"
            assert Path(folder).is_dir()
        assert not Path(folder).exists()

    def test_what_does_not_fit_goes_to_the_disk(self, monkeypatch):
        monkeypatch.setattr(memory, "available_memory", lambda: 0)
        with memory.open_database() as database:
            database.execute("set threads = 1")
            database.execute("create table t as select hash(i)::varchar || i as a from range(4000000) r(i)")
            assert database.execute("select count(*) from t").fetchone() == (4_000_000,)
