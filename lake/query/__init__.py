"""What a reader asks: text to tree, tree to SQL or to the terms of an index. Pure.

Refuses to know files, the catalog and DuckDB.
"""
