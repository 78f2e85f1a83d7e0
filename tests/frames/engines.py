"""Frames of every engine, made of an Arrow table, and read back as columns."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import attrs
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ENGINES", "LOCAL_SPARK", "Engine", "needs", "read", "without_local_spark"]


@attrs.frozen
class Engine:
    """An engine: how a table becomes its frame, and what sets it apart."""

    name: str
    make: Callable[[pa.Table], Any]
    package: str
    is_lazy: bool = False
    is_slow: bool = False
    """Whether a small log takes a tenth of a second or more."""
    is_slowest: bool = False
    """Whether it takes seconds: such engines do little in the normal run."""
    has_window: bool = True
    """Whether it has running sums in the order of time, which `refunds="net"` needs."""


def pandas_numpy(table):
    return table.to_pandas(date_as_object=False)


def pandas_arrow(table):
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def pandas_nullable(table):
    """Nullable dtypes, and an index of order numbers that neither starts at 0 nor goes up."""
    plain = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}
    frame = table.to_pandas(date_as_object=False, types_mapper=plain.get)
    frame.index = pd.Index(np.arange(1000 + len(frame), 1000, -1), name="order_number")
    return frame


def polars_eager(table):
    return pl.from_arrow(table)


def polars_lazy(table):
    return pl.from_arrow(table).lazy()


def pyarrow_table(table):
    return table


def duckdb_default(table):
    import duckdb

    return duckdb.from_arrow(table)


@functools.cache
def own_connection():
    import duckdb

    return duckdb.connect()


def duckdb_own(table):
    return own_connection().from_arrow(table)


def ibis_table(table):
    import ibis

    return ibis.memtable(table)


@functools.cache
def sqlframe_session():
    from sqlframe.duckdb import DuckDBSession

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return DuckDBSession.builder.getOrCreate(), folder


def sqlframe_table(table):
    session, folder = sqlframe_session()
    path = str(Path(tempfile.mkdtemp(dir=folder), "rows.parquet"))
    pq.write_table(table, path)
    return session.read.parquet(path)


def dask_frame(table):
    import dask.dataframe as dd

    return dd.from_pandas(pandas_numpy(table), npartitions=2)


@contextlib.contextmanager
def quiet_pyspark():
    """Let PySpark be loaded in a worker of the test runner, which it takes for its own doctests without a file."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", __file__)
    with (
        warnings.catch_warnings(category=FutureWarning, action="ignore"),
        mock.patch.object(main, "__file__", file, create=True),
    ):
        yield


@functools.cache
def sail_session():
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer()
    server.start()
    _, port = server.listening_address
    with quiet_pyspark():
        from pyspark.sql import SparkSession

        session = SparkSession.builder.remote(f"sc://localhost:{port}").getOrCreate()
    atexit.register(server.stop)
    atexit.register(session.stop)
    return session


def spark_connect(table):
    return sail_session().createDataFrame(table)


@functools.cache
def local_session():
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    with quiet_pyspark():
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.session.timeZone": "UTC",
        }
        builder = SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


def spark_local(table):
    return local_session().createDataFrame(table)


ENGINES = [
    Engine("pandas", pandas_numpy, "pandas"),
    Engine("pandas of Arrow", pandas_arrow, "pandas"),
    Engine("pandas, nullable", pandas_nullable, "pandas"),
    Engine("Polars", polars_eager, "polars"),
    Engine("Polars, lazy", polars_lazy, "polars", is_lazy=True),
    Engine("PyArrow", pyarrow_table, "pyarrow"),
    Engine("DuckDB", duckdb_default, "duckdb", is_lazy=True),
    Engine("DuckDB, own connection", duckdb_own, "duckdb", is_lazy=True),
    Engine("Ibis", ibis_table, "ibis", is_lazy=True, is_slow=True),
    Engine("SQLFrame", sqlframe_table, "sqlframe", is_lazy=True, is_slow=True, is_slowest=True),
    Engine("Dask", dask_frame, "dask", is_lazy=True, is_slow=True, is_slowest=True, has_window=False),
    Engine("Spark Connect", spark_connect, "pysail", is_lazy=True, is_slow=True),
]
"""Every engine that one process can hold."""

LOCAL_SPARK = Engine("PySpark", spark_local, "pyspark", is_lazy=True, is_slow=True)
"""Spark itself, in a process of its own: one process has either sessions of Spark Connect or others."""


def needs(engine):
    """Skip where an engine is not installed, and say so."""
    if importlib.util.find_spec(engine.package) is None:
        pytest.skip(f"{engine.name}: {engine.package} is not installed")


def without_local_spark():
    """Give the reason why Spark cannot run on this machine, "" if it can."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("pyspark")  # pyspark-client has the same modules, but no Spark
        java = shutil.which("java")
        if java is None:
            return "there is no Java"
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', told)
        return (
            "" if version and int(version[1]) >= 17 else f"Spark needs Java 17 or later, found {told.splitlines()[:1]}"
        )
    return "pyspark is not installed, which brings Spark itself; pyspark-client only asks a server"


def read(frame, order_by):
    """Give the columns of a frame of any kind as lists, sorted by one of them."""
    opened = nw.from_native(frame)
    table = opened.collect("pyarrow") if isinstance(opened, nw.LazyFrame) else opened
    columns = {name: table[name].to_list() for name in table.columns}
    order = sorted(range(len(table)), key=columns[order_by].__getitem__)
    return {name: [column[i] for i in order] for name, column in columns.items()}
