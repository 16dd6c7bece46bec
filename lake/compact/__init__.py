"""Rewrites closed hours, applies deletes, keeps the indexes, sweeps.

Refuses to know the buffer and searches.
"""
