"""The lake: events of the buffer become Parquet files, the catalog lists them, DuckDB searches them.

Knows datasets, partitions, files, batches and searches. Refuses to know HTTP, and where events come from beyond the
buffer.
"""
