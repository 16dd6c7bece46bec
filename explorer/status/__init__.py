"""The status page: how far behind the service is, what it did last, what it holds.

Refuses to know how any of it is measured.
"""
