"""Dataframes of any kind in, the same kind out; :mod:`crmvalue.frames` is the public door.

Eager frames of pandas and PyArrow go through the functions of arrays. Lazy ones of Polars, DuckDB, Ibis, SQLFrame, Dask
and Spark are asked in their own engine: only distinct rows and counts come into memory. Eager frames of Polars are
asked in Polars too, but where it cannot, as for intervals, they go through the functions of arrays.
"""
