"""The answers to a search: pages, samples, lookups, counts by time and by value.

Refuses to know which files hold the rows, and in which form the answers are sent.
"""
