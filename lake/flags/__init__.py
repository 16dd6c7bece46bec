"""The switches and limits of the admin: their names, bounds and present values.

Refuses to know who goes by them.
"""
