"""The inverted index of posts: n-grams, posting lists, stored posts, segments. Numpy only.

Knows neither the catalog, nor Parquet, nor the query language.
"""
