"""Which rows of the files match a search and show: slice by slice, or some hours at a time.

Refuses to know pages, samples and formats: what is made of the rows.
"""
