"""What an operator brings from elsewhere, as CSV, NDJSON or Parquet: known handles.

Refuses to know how what it brings is used.
"""
