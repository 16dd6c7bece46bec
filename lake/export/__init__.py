"""All hits of a search as a file, with its manifest and its record.

Refuses to know HTTP, and which files hold the hits.
"""
