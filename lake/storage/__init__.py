"""Rows in Parquet files: written, read, rebuilt to records. The doorways to DuckDB, pyarrow and the disk.

Refuses to know which files exist: the catalog lists them.
"""
