"""Rewrites closed hours, applies deletions, updates the text indexes, sweeps superseded files.

Refuses to know the buffer and searches.
"""
