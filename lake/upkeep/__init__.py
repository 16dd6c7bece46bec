"""Runs the jobs of upkeep when they are due, one at a time: the check of the catalog, the backup, the verification.

Refuses to know what a job does: it knows their commands and their records.
"""
