"""All hits of a search as the bytes of a file.

Refuses to know which files hold the hits, and who gets the bytes.
"""
