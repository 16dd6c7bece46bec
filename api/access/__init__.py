"""Who may ask, how often, and how many at once.

Refuses to know what is asked.
"""
