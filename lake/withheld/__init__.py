"""Accounts that are not shown to a reader, as a rule and as SQL.

Refuses to know how the lists of them are kept, and what else hides a row.
"""
