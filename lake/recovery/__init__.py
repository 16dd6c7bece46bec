"""Backs a lake up while it runs, and restores it.

Does not read the rows of the files.
"""
