"""Proves the lake: catalog against disk, rows against CIDs, deletes against texts. Repairs only what is safe to repair.

Does not run searches.
"""
