"""The larger pages of the admin: batches with their chart, files by day, requests, who changed what.

Refuses to know how a request is done: it writes one, and shows what became of it.
"""
