"""Rows in Parquet files: written, read, rebuilt to records. The doorways to DuckDB, pyarrow and the disk.

Refuses to know which files exist: that is the catalog's.
"""
