"""The visible rows of a query: pages, counts, samples, lookups.

Refuses to know how files come to be, and in which form the rows are sent.
"""
