"""Proves the lake: catalog against disk, rows against CIDs, deletes against texts. Repairs only what is safe.

Refuses to know searches.
"""
