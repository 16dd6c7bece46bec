"""What exists, in SQLite: files, batches, tombstones; each change is one transaction.

Refuses to know what is in the rows.
"""
