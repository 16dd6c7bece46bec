"""Copies a lake away while all runs, and brings it back.

Refuses to know what is in the files.
"""
