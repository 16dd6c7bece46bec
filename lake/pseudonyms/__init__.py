"""Pseudonyms in place of accounts and records: of single names, of texts, of rows, of Arrow tables.

Refuses to know whose key makes them, and where handles are looked up.
"""
