"""The inverted index of posts: n-grams, posting lists, segments. Numpy only.

Refuses to know the catalog, Parquet and how a query is written.
"""
